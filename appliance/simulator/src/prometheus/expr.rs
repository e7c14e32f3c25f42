//! A query as a tree, and which series its selectors take.
//!
//! Patterns match whole values and are bounded when compiled.

use regex::{Regex, RegexBuilder};

use super::eval::Labels;

/// Largest compiled regular expression, bytes.
pub(super) const REGEX_BYTES_MAX: usize = 1 << 20;

/// An expression.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    Number(f64),
    Text(String),
    Selector(Selector),
    Negated(Box<Expr>),
    Call(String, Vec<Expr>),
    Aggregate(Aggregate),
    Binary(Box<Binary>),
}

/// A selection of series, with a range if it is one.
#[derive(Clone, Debug)]
pub(super) struct Selector {
    pub(super) matchers: Vec<Matcher>,
    /// Seconds; absent for an instant selector.
    pub(super) range: Option<f64>,
    /// Seconds back.
    pub(super) offset: f64,
}

/// A condition on a label.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    pub(super) label: String,
    test: Test,
    wanted: bool,
}

#[derive(Clone, Debug)]
enum Test {
    Equal(String),
    Pattern(Regex),
}

/// `sum by (a) (…)` and its kin.
#[derive(Clone, Debug)]
pub(super) struct Aggregate {
    pub(super) operation: String,
    pub(super) grouping: Grouping,
    pub(super) parameter: Option<Box<Expr>>,
    pub(super) of: Box<Expr>,
}

/// By which labels elements belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Grouping {
    By(Vec<String>),
    Without(Vec<String>),
}

/// An operation on two sides.
#[derive(Clone, Debug)]
pub(super) struct Binary {
    pub(super) operation: String,
    pub(super) left: Expr,
    pub(super) right: Expr,
    /// Comparisons give 0 or 1 instead of filtering.
    pub(super) as_bool: bool,
    /// Which labels are compared: `on` or `ignoring`.
    pub(super) matching: Grouping,
    /// `group_left` or `group_right` with the labels taken over.
    pub(super) many: Many,
}

/// The side with many elements and the labels it takes over, if there is one.
pub(super) type Many = Option<(Side, Vec<String>)>;

/// The side with many elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

impl Selector {
    /// Whether labels, name included, are selected.
    pub(super) fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels))
    }

    /// Whether series of that name may be selected.
    pub(super) fn fits_name(&self, name: &str) -> bool {
        let mut names = self.matchers.iter().filter(|one| one.label == "__name__");
        names.all(|matcher| matcher.takes(name))
    }

    /// The metric name, if one is demanded.
    pub(super) fn name(&self) -> Option<&str> {
        self.matchers
            .iter()
            .find_map(|matcher| match &matcher.test {
                Test::Equal(name) if matcher.label == "__name__" && matcher.wanted => {
                    Some(name.as_str())
                }
                _ => None,
            })
    }
}

impl Matcher {
    pub(super) fn equal(label: &str, value: &str) -> Self {
        Self {
            label: label.to_owned(),
            test: Test::Equal(value.to_owned()),
            wanted: true,
        }
    }

    pub(super) fn new(label: String, operator: &str, value: String) -> Result<Self, String> {
        let test = if operator.ends_with('~') {
            let pattern = RegexBuilder::new(&format!("^(?s:{value})$"))
                .size_limit(REGEX_BYTES_MAX)
                .build();
            Test::Pattern(
                pattern.map_err(|error| format!("parse error: error parsing regexp: {error}"))?,
            )
        } else {
            Test::Equal(value)
        };
        Ok(Self {
            label,
            test,
            wanted: !operator.starts_with('!'),
        })
    }

    fn matches(&self, labels: &Labels) -> bool {
        self.takes(labels.get(&self.label).map_or("", String::as_str))
    }

    fn takes(&self, value: &str) -> bool {
        let holds = match &self.test {
            Test::Equal(wanted) => value == wanted,
            Test::Pattern(pattern) => pattern.is_match(value),
        };
        holds == self.wanted
    }

    /// The value, if the label must equal one.
    pub(super) fn exact(&self) -> Option<&str> {
        match &self.test {
            Test::Equal(value) if self.wanted => Some(value),
            _ => None,
        }
    }

    /// Whether a series without the label would do.
    pub(super) fn takes_nothing(&self) -> bool {
        self.matches(&Labels::new())
    }
}
