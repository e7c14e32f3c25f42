//! The channels of GPT-OSS: analysis, then a call or the final message.

use super::{Lark, Plan, arguments, mark, quoted, shape_term};
use crate::tools::Choice;

/// Writes the whole grammar.
pub(super) fn write(lark: &mut Lark, plan: &Plan<'_>) {
    let mark = |spelling: &str| mark(plan, spelling);
    let channel = mark("<|channel|>");
    let message = mark("<|message|>");
    let next = format!("{} {} \"assistant\"", mark("<|end|>"), mark("<|start|>"));
    let constrain = mark("<|constrain|>");
    lark.any();
    lark.rule(
        "analysis",
        &format!("{channel} \"analysis\" {message} ANY {next}"),
    );
    // Words before a call, for the asker.
    lark.rule(
        "preamble",
        &format!("{channel} \"commentary\" {message} ANY {next}"),
    );
    let shape = shape_term(lark, plan.shape);
    lark.rule("final", &format!("{channel} \"final\" {message} {shape}"));
    let mut bodies = Vec::new();
    if plan.tools.is_on() {
        let mut names = Vec::new();
        for (number, tool) in plan.tools.callable().enumerate() {
            lark.rule(
                &format!("arguments_{number}"),
                &arguments(&tool.parameters, tool.strict),
            );
            names.push(format!(
                "({} arguments_{number})",
                quoted_header(&tool.name, &constrain, &message)
            ));
        }
        lark.rule("calls", &format!("{channel} ({})", names.join(" | ")));
        bodies.push("preamble? calls");
    }
    if !(plan.tools.is_on() && plan.tools.choice == Choice::Must) {
        bodies.push("final");
    }
    lark.rule("start", &format!("analysis? ({})", bodies.join(" | ")));
}

fn quoted_header(name: &str, constrain: &str, message: &str) -> String {
    let header = quoted(&format!("commentary to=functions.{name} "));
    format!("{header} {constrain} \"json\" {message}")
}
