//! What a template says, as a tree.
//!
//! Chains (`a + b + c`, `x.y[0]|trim`) are flat, so that the tree is as deep as its source nests and no deeper.

use std::sync::Arc;

use super::value::Value;

/// A template: its text and tags, and its macros, which are told apart by their place.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) body: Vec<Node>,
    pub(super) macros: Vec<Macro>,
}

/// A statement and its line.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: u32,
    pub(super) kind: Statement,
}

#[derive(Debug)]
pub(super) enum Statement {
    Text(String),
    Print(Expression),
    /// Conditions with what they guard, and what is said otherwise.
    If(Vec<(Expression, Vec<Node>)>, Vec<Node>),
    For(Box<For>),
    Set(Target, Expression),
    /// `{% set x | filter %}...{% endset %}`
    SetBlock(Target, Vec<Apply>, Vec<Node>),
    Macro(usize),
    /// The macro that is handed over as `caller`, and the call.
    CallBlock(usize, Expression),
    FilterBlock(Vec<Apply>, Vec<Node>),
    With(Vec<(Target, Expression)>, Vec<Node>),
    /// What stands between tags that do nothing.
    Group(Vec<Node>),
    Break,
    Continue,
}

#[derive(Debug)]
pub(super) struct For {
    pub(super) target: Target,
    pub(super) items: Expression,
    pub(super) condition: Option<Expression>,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// A parameter of a macro, and what it is if it is not given.
pub(super) type Parameter = (Arc<str>, Option<Expression>);

#[derive(Debug)]
pub(super) struct Macro {
    pub(super) name: Arc<str>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Vec<Node>,
}

/// What is assigned to.
#[derive(Debug)]
pub(super) enum Target {
    Name(Arc<str>),
    /// A namespace and its attribute.
    Attribute(Arc<str>, Arc<str>),
    Tuple(Vec<Target>),
}

#[derive(Debug)]
pub(super) enum Expression {
    Constant(Value),
    Name(Arc<str>),
    List(Vec<Expression>),
    Tuple(Vec<Expression>),
    Map(Vec<(Expression, Expression)>),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Positive(Box<Expression>),
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Compare(Box<Expression>, Vec<(Comparison, Expression)>),
    /// From left to right.
    Arithmetic(Box<Expression>, Vec<(Operator, Expression)>),
    Choice(Box<Choice>),
    Steps(Box<Expression>, Vec<Step>),
}

/// `then if condition else otherwise`
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) condition: Expression,
    pub(super) then: Expression,
    pub(super) otherwise: Option<Expression>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Concatenate,
    Multiply,
    Divide,
    DivideWhole,
    Remainder,
    Power,
}

/// What follows a value.
#[derive(Debug)]
pub(super) enum Step {
    Attribute(Arc<str>),
    Item(Expression),
    /// From, to, and by how many.
    Slice([Option<Expression>; 3]),
    Call(Arguments),
    Filter(Apply),
    /// Whether it holds; `is not` if the flag is set.
    Test(Apply, bool),
}

/// A filter or a test, with what it is given.
#[derive(Debug)]
pub(super) struct Apply {
    pub(super) name: Arc<str>,
    pub(super) arguments: Arguments,
}

#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) positional: Vec<Expression>,
    pub(super) named: Vec<(Arc<str>, Expression)>,
}
