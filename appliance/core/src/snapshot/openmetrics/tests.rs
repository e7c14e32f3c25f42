use proptest::prelude::*;

use super::*;

fn check(text: &str, expected: &[(&str, &[(f64, f64)])], gaps: usize) {
    let (series, found_gaps) = parse(text, 7.0);
    let seen: Vec<(String, Vec<(f64, f64)>)> = series
        .iter()
        .map(|s| {
            let samples = s.samples.iter().map(|p| (p.at, p.value)).collect();
            (selector(&s.name, &s.labels), samples)
        })
        .collect();
    let expected: Vec<(String, Vec<(f64, f64)>)> = expected
        .iter()
        .map(|(name, samples)| ((*name).to_owned(), samples.to_vec()))
        .collect();
    assert_eq!(seen, expected, "series of {text:?}");
    assert_eq!(found_gaps.len(), gaps, "gaps {found_gaps:?}");
}

#[test]
fn samples_of_one_series_are_gathered_in_order_of_time() {
    check(
        "# HELP up x\n# TYPE up gauge\nup{job=\"a\"} 1 20\nup{job=\"a\"} 0 10\n# EOF\nup 9 9\n",
        &[("up{job=\"a\"}", &[(10.0, 0.0), (20.0, 1.0)])],
        0,
    );
}

#[test]
fn exemplars_and_crlf_are_passed_over() {
    check(
        "h_bucket{le=\"+Inf\"} 3 1.5 # {trace_id=\"a\"} 0.6 1.4\r\n# EOF\r\n",
        &[("h_bucket{le=\"+Inf\"}", &[(1.5, 3.0)])],
        0,
    );
}

#[test]
fn a_missing_timestamp_takes_the_default_and_milliseconds_are_seen() {
    check(
        "a 1\nb 2 1700000000000\n",
        &[("a", &[(7.0, 1.0)]), ("b", &[(1_700_000_000.0, 2.0)])],
        0,
    );
}

#[test]
fn escapes_and_braces_inside_quotes_are_part_of_the_value() {
    let (series, gaps) = parse("a{x=\"q\\\"} \\\\ \\n\",y=\"}\"} 1 2\n", 0.0);
    assert!(gaps.is_empty(), "{gaps:?}");
    assert_eq!(series[0].labels["x"], "q\"} \\ \n");
    assert_eq!(series[0].labels["y"], "}");
}

#[test]
fn broken_lines_are_gaps_and_the_rest_is_read() {
    check(
        "a{x=\"1\" 1 2\nb one 2\nc\nd 1 2 \ne{x} 1 2\n",
        &[("d", &[(2.0, 1.0)])],
        4,
    );
}

#[test]
fn many_broken_lines_are_summed_up() {
    let (_, gaps) = parse(&"b one\n".repeat(100), 0.0);
    assert_eq!(gaps.len(), COMPLAINTS_MAX + 1);
    assert!(gaps[COMPLAINTS_MAX].detail.starts_with("95 more"));
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "\\PC*") {
        parse(&text, 0.0);
    }

    #[test]
    fn any_line_of_the_alphabet_is_read_without_panic(text in "[a{}=\",\\\\ 1#\n-]*") {
        parse(&text, 0.0);
    }

    #[test]
    fn what_is_written_is_read_back(
        name in "[a-z_]{1,8}",
        label in "\\PC{0,12}",
        values in prop::collection::vec((0.0..1e10, -1e6..1e6), 1..9),
    ) {
        let mut samples: Vec<Sample> = values
            .into_iter()
            .map(|(at, value)| Sample { at, value })
            .collect();
        samples.sort_by(|a, b| a.at.total_cmp(&b.at));
        let labels = [("l".to_owned(), label)].into_iter().collect();
        let series = vec![Series { name, labels, samples }];
        let (read, gaps) = parse(&write(&series), 0.0);
        prop_assert!(gaps.is_empty(), "{gaps:?}");
        prop_assert_eq!(read, series);
    }
}
