//! Facts about the language: what jinja2 gives, and that nothing runs on.

use serde_json::json;

use super::*;

const FUEL: u64 = 100_000;

fn now() -> Zoned {
    let noon = jiff::civil::date(2026, 7, 1).at(12, 30, 0, 0);
    noon.to_zoned(jiff::tz::TimeZone::UTC).expect("is a time")
}

fn render(source: &str) -> Result<String, String> {
    let context = json!({
        "a": [3, 1, 2], "d": {"b": 1, "a": {"x": "y"}, "items": 2}, "t": "The Pod\n api-0 ", "n": null,
        "people": [{"name": "ann", "age": 30}, {"name": "Bob"}],
    });
    let template = Template::parse(source).map_err(|fault| fault.to_string())?;
    template
        .render(&context, FUEL, now)
        .map_err(|fault| fault.to_string())
}

#[track_caller]
fn check(source: &str, expected: &str) {
    assert_eq!(render(source).as_deref(), Ok(expected), "{source}");
}

#[track_caller]
fn check_refused(source: &str, expected: &str) {
    let fault = render(source).expect_err("is refused");
    assert!(fault.contains(expected), "{source}: {fault}");
}

/// Sources and what jinja2 3.1 makes of them; `fixtures/jinja.py` prints the list.
const JINJA2: &str = include_str!("../../../fixtures/jinja.json");

#[test]
fn expressions_and_tags_give_what_jinja2_gives() {
    let cases: Vec<[String; 2]> = serde_json::from_str(JINJA2).expect("is JSON");
    assert!(cases.len() > 150, "{}", cases.len());
    for [source, expected] in &cases {
        check(source, expected);
    }
}

#[test]
fn what_grows_runs_out_of_fuel() {
    for source in [
        "{{ 'a' * 999999999 }}",
        "{{ [1] * 999999999 }}",
        "{{ ([[1] * 1000] * 1000) | tojson }}",
        "{{ range(1000000000) | length }}",
        "{% for a in range(999) %}{% for b in range(999) %}x{% endfor %}{% endfor %}",
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        // As deep as the loop is long, and walked over exponentially often.
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}",
        "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
        "{% set ns = namespace(x='aaaa') %}{% for i in range(60) %}{% set ns.x = ns.x | replace('a', 'aaaa') %}{% endfor %}",
        "{% set ns = namespace(x='aaaa') %}{% for i in range(60) %}{% set ns.x = ns.x.join(ns.x) %}{% endfor %}",
        "{% set ns = namespace(x='aaaa') %}{% for i in range(60) %}{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}{% endfor %}",
        "{{ 'a' | indent(999999999, true) }}",
        "{{ 'a' | center(999999999) }}",
        "{{ 'a'.ljust(999999999) }}",
        "{{ [1] | batch(999999999, 0) }}",
        "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{% macro g() %}{% for i in range(9) %}{% for j in range(99) %}{{ t * 9 }}{% endfor %}{% endfor %}{% endmacro %}{% for i in range(9) %}{{ g() }}{% endfor %}",
    ] {
        check_refused(source, "fuel");
    }
}

#[test]
fn what_nests_too_deep_is_refused() {
    check_refused(
        "{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}",
        "recursion",
    );
    check_refused(
        "{% macro m(x) %}{{ ([['a']] | map('map', 'upper') | list) ~ (m(x) if x else '') }}{% endmacro %}{{ m(1) }}",
        "recursion",
    );
    check_refused(
        "{% set ns = namespace(x=[]) %}{% for i in range(999) %}{% set ns.x = [ns.x] %}{% endfor %}",
        "values nest",
    );
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("not ", ""),
        ("-", ""),
        ("a[", "]"),
        ("{1:", "}"),
        ("f(", ")"),
        ("1 if 1 else ", ""),
    ] {
        check_refused(
            &format!("{{{{ {}1{} }}}}", open.repeat(5000), close.repeat(5000)),
            "nests more than",
        );
    }
    let blocks = "{% if a %}".repeat(5000) + &"{% endif %}".repeat(5000);
    check_refused(&blocks, "nests more than");
    let chain = format!("{{{{ 1{} }}}}", " + 1".repeat(5000));
    check(&chain, "5001");
}

#[test]
fn nothing_outlives_its_place() {
    let leak = "{% set ns = namespace() %}{% for i in [1] %}{% macro m() %}{{ i }}{% endmacro %}{% set ns.m = m %}{% set ns.l = loop %}{% endfor %}";
    check_refused(&format!("{leak}{{{{ ns.m() }}}}"), "has ended");
    check_refused(&format!("{leak}{{{{ ns.l.index }}}}"), "has ended");
    let knot = "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns.me.me == ns }}{{ [ns] }}";
    check(knot, "True[<a namespace>]");
}

#[test]
fn a_fault_tells_its_line_and_what_is_wrong() {
    check_refused(
        "one\n{{ a.b.c }}",
        "`c` is asked of an undefined value (line 2 of the template)",
    );
    check_refused("{{ a | sorted }}", "the filter `sorted` is not known");
    check_refused("{% include 'x' %}", "the tag `include` is not supported");
    check_refused("{{ a.append(1) }}", "templates may not");
    check_refused("{% for x in n %}{% endfor %}", "cannot walk over none");
    check_refused("{{ 1 / 0 }}", "cannot be computed");
    check_refused("{{ 'a' + 1 }}", "cannot be computed");
    check_refused("{{ 'open }}", "a text is not closed");
    check_refused("{% if a %}", "`endif` is missing");
    check_refused("{% break %}", "outside a loop");
    check_refused("{{ strftime_now('%!') }}", "");
    check_refused("{{ f(*a) }}", "unpacked");
}
