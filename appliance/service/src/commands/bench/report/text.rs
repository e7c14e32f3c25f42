//! The figures, as text.

use std::fmt::{Display, Formatter, Result};

use super::{MachineReport, ModelReport, Phase, Report, WorkReport};

fn giga(x: f64) -> f64 {
    x * 1e-9
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.machine.fmt(f)?;
        match &self.model {
            Some(model) => model.fmt(f)?,
            None => self.machine.classes(f)?,
        }
        match &self.work {
            Some(work) => work.fmt(f),
            None => Ok(()),
        }
    }
}

impl Display for MachineReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(
            f,
            "machine   {} threads, {}",
            self.threads, self.instruction_set
        )?;
        write!(f, ", {:.1} GB of memory", giga(self.memory_bytes as f64))?;
        if let Some(load) = self.load_average {
            write!(f, ", load {load:.1}")?;
        }
        write!(
            f,
            "\nlimits    {:.1} GB/s memory, {:.0} GOP/s int8, {:.0} GFLOP/s f32",
            giga(self.memory_bytes_per_second),
            giga(self.int8_operations_per_second),
            giga(self.f32_operations_per_second)
        )?;
        if let Some(operations) = self.bf16_operations_per_second {
            write!(f, ", {:.0} bf16", giga(operations))?;
        }
        writeln!(f)
    }
}

impl MachineReport {
    /// What to expect of models, where none was measured.
    fn classes(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(
            f,
            "\nto be expected of models at Q4_K_M, 4096 tokens read and 300 written"
        )?;
        writeln!(f, "size    memory    prefill     decode      analysis")?;
        for class in &self.classes {
            write!(
                f,
                "{:<6} {:>5.1} GB {:>6.0} tok/s {:>6.1} tok/s {:>6.0} s",
                class.name,
                giga(class.memory_bytes as f64),
                class.prefill_tokens_per_second,
                class.decode_tokens_per_second,
                class.analysis_seconds
            )?;
            writeln!(f, "{}", if class.fits { "" } else { "  does not fit" })?;
        }
        writeln!(f, "\n{}", self.advice)
    }
}

impl Display for ModelReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(
            f,
            "model     {}, {:.2} billion weights in {:.2} GB, loaded in {:.2} s",
            self.architecture,
            giga(self.parameters as f64),
            giga(self.weights_bytes as f64),
            self.load_seconds
        )?;
        if let Some(resident) = self.resident_bytes {
            writeln!(
                f,
                "memory    {:.2} GB resident, first token {:.0} ms after loading",
                giga(resident as f64),
                self.first_token_seconds * 1e3
            )?;
        }
        writeln!(
            f,
            "reading   as many bytes as the weights at {:.1} GB/s, the limit of decoding",
            giga(self.read_bytes_per_second)
        )?;
        for phase in &self.prefill {
            line(f, "prefill  ", "of", phase, "products'")?;
        }
        for phase in &self.decode {
            line(f, "decode   ", "after", phase, "reading")?;
        }
        for batch in &self.batches {
            let (streams, rate) = (batch.streams, batch.tokens_per_second);
            writeln!(f, "{streams:>2} streams {rate:.1} tokens/s together")?;
        }
        let same = if self.deterministic {
            "equal to the last bit in other pieces, on other threads and in company"
        } else {
            "NOT equal in other pieces, on other threads or in company: this is a fault"
        };
        writeln!(f, "logits    {same}")
    }
}

fn line(f: &mut Formatter<'_>, name: &str, relation: &str, phase: &Phase, limit: &str) -> Result {
    writeln!(
        f,
        "{name} {:.1} tokens/s {relation} {} ({:.0} % of the {limit} limit)",
        phase.tokens_per_second,
        phase.tokens,
        phase.share_of_limit * 100.0
    )
}

impl Display for WorkReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "\nown work, one incident and {} at once", self.incidents)?;
        writeln!(
            f,
            "{:<17} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "", "first", "storm", "read", "cached", "written", "forced", "guessed", "right"
        )?;
        for way in &self.ways {
            let storm = &way.storm;
            writeln!(
                f,
                "{:<17} {:>7.2} s {:>7.2} s {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}   {} of {} answers the same",
                way.name,
                way.first.seconds,
                storm.seconds,
                storm.prompt_tokens - storm.cached_tokens,
                storm.cached_tokens,
                storm.completion_tokens,
                storm.forced_tokens,
                storm.drafted_tokens,
                storm.accepted_tokens,
                way.same_answers,
                self.incidents
            )?;
        }
        Ok(())
    }
}
