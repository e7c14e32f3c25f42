//! Label and field selectors.
//!
//! Labels follow the grammar of `kubectl -l`; fields only those that the
//! resource is indexed by. Errors are worded as the server words them.

use serde_json::Value;

use super::query::Query;
use super::status::Status;
use crate::world::Resource;

/// Which objects are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<FieldRequirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
    Above(String, i64),
    Below(String, i64),
}

#[derive(Clone, Debug)]
struct FieldRequirement {
    field: String,
    value: String,
    equal: bool,
}

impl Selector {
    /// The selectors of a request for `resource`.
    pub(crate) fn parse(resource: &Resource, query: &Query) -> Result<Self, Status> {
        let labels =
            parse_labels(query.get("labelSelector").unwrap_or_default()).map_err(|error| {
                Status::bad_request(format!("unable to parse requirement: {error}"))
            })?;
        let fields = parse_fields(resource, query.get("fieldSelector").unwrap_or_default())?;
        Ok(Self { labels, fields })
    }

    /// Whether everything matches.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether `object`, as `resource` serves it, is wanted.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = object.pointer("/metadata/labels");
        self.labels.iter().all(|wanted| wanted.matches(labels))
            && self.fields.iter().all(|wanted| wanted.matches(object))
    }
}

impl Requirement {
    fn matches(&self, labels: Option<&Value>) -> bool {
        let value = |name: &str| labels?.get(name)?.as_str();
        let number = |name: &str| value(name)?.parse::<i64>().ok();
        match self {
            Self::In(name, values) => {
                value(name).is_some_and(|found| values.iter().any(|wanted| wanted == found))
            }
            Self::NotIn(name, values) => {
                value(name).is_none_or(|found| values.iter().all(|wanted| wanted != found))
            }
            Self::Exists(name) => value(name).is_some(),
            Self::Missing(name) => value(name).is_none(),
            Self::Above(name, limit) => number(name).is_some_and(|found| found > *limit),
            Self::Below(name, limit) => number(name).is_some_and(|found| found < *limit),
        }
    }
}

impl FieldRequirement {
    fn matches(&self, object: &Value) -> bool {
        let found = match self.field.as_str() {
            // Stored as `source.component` or, by newer writers, as `reportingComponent`.
            "source" => text_at(object, "source.component")
                .filter(|text| !text.is_empty())
                .or_else(|| text_at(object, "reportingComponent")),
            field => text_at(object, field),
        };
        (found.unwrap_or_default() == self.value) == self.equal
    }
}

fn text_at(object: &Value, field: &str) -> Option<String> {
    let found = object.pointer(&format!("/{}", field.replace('.', "/")))?;
    Some(match found {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(&'static str),
    End,
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Self::Word(word) => word,
            Self::Sign(sign) => sign,
            Self::End => "",
        }
    }
}

const SIGNS: [&str; 10] = ["==", "!=", "=", "!", ",", "(", ")", ">", "<", "\0"];

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(sign));
            rest = rest[sign.len()..].trim_start();
            continue;
        }
        let end = rest
            .find(|c: char| c.is_whitespace() || "=!,()<>\0".contains(c))
            .unwrap_or(rest.len());
        tokens.push(Token::Word(rest[..end].to_owned()));
        rest = rest[end..].trim_start();
    }
    tokens.push(Token::End);
    tokens
}

/// Reads tokens one by one.
struct Cursor {
    tokens: Vec<Token>,
    at: usize,
}

impl Cursor {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn word(&mut self) -> Result<String, String> {
        match self.next() {
            Token::Word(word) => Ok(word),
            other => Err(format!("found '{}', expected: identifier", other.text())),
        }
    }

    /// A value may be empty.
    fn value(&mut self) -> Result<String, String> {
        match self.peek() {
            Token::Sign("," | ")") | Token::End => Ok(String::new()),
            _ => self.word(),
        }
    }
}

fn parse_labels(text: &str) -> Result<Vec<Requirement>, String> {
    let mut cursor = Cursor {
        tokens: tokens(text),
        at: 0,
    };
    let mut requirements = Vec::new();
    if *cursor.peek() == Token::End {
        return Ok(requirements);
    }
    loop {
        requirements.push(parse_requirement(&mut cursor)?);
        match cursor.next() {
            Token::End => return Ok(requirements),
            Token::Sign(",") => {}
            other => {
                return Err(format!(
                    "found '{}', expected: ',' or 'end of string'",
                    other.text()
                ));
            }
        }
    }
}

fn parse_requirement(cursor: &mut Cursor) -> Result<Requirement, String> {
    if *cursor.peek() == Token::Sign("!") {
        cursor.next();
        return cursor.word().map(Requirement::Missing);
    }
    let name = cursor.word()?;
    match cursor.peek().clone() {
        Token::Sign("=" | "==") => {
            cursor.next();
            Ok(Requirement::In(name, vec![cursor.value()?]))
        }
        Token::Sign("!=") => {
            cursor.next();
            Ok(Requirement::NotIn(name, vec![cursor.value()?]))
        }
        Token::Sign(sign @ (">" | "<")) => {
            cursor.next();
            let limit = cursor.word()?;
            let limit = limit.parse().map_err(|_| {
                format!("for 'Gt', 'Lt' operators, the value must be an integer, found {limit:?}")
            })?;
            Ok(if sign == ">" {
                Requirement::Above(name, limit)
            } else {
                Requirement::Below(name, limit)
            })
        }
        Token::Word(word) if word == "in" || word == "notin" => {
            cursor.next();
            let values = parse_values(cursor)?;
            Ok(if word == "in" {
                Requirement::In(name, values)
            } else {
                Requirement::NotIn(name, values)
            })
        }
        _ => Ok(Requirement::Exists(name)),
    }
}

fn parse_values(cursor: &mut Cursor) -> Result<Vec<String>, String> {
    match cursor.next() {
        Token::Sign("(") => {}
        other => return Err(format!("found '{}' expected: '('", other.text())),
    }
    let mut values = Vec::new();
    loop {
        values.push(cursor.value()?);
        match cursor.next() {
            Token::Sign(")") => return Ok(values),
            Token::Sign(",") => {}
            other => return Err(format!("found '{}', expected: ',' or ')'", other.text())),
        }
    }
}

fn parse_fields(resource: &Resource, text: &str) -> Result<Vec<FieldRequirement>, Status> {
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (field, value, equal) = split_field(part).ok_or_else(|| {
                Status::bad_request(format!(
                    "invalid selector: '{text}'; can't understand '{part}'"
                ))
            })?;
            if is_selectable(resource, field) {
                Ok(FieldRequirement {
                    field: field.to_owned(),
                    value: value.to_owned(),
                    equal,
                })
            } else {
                Err(unknown_field(resource, field))
            }
        })
        .collect()
}

fn split_field(part: &str) -> Option<(&str, &str, bool)> {
    ["!=", "==", "="].into_iter().find_map(|sign| {
        let (field, value) = part.split_once(sign)?;
        Some((field, value, sign != "!="))
    })
}

fn is_selectable(resource: &Resource, field: &str) -> bool {
    match field {
        "metadata.name" => true,
        "metadata.namespace" => resource.namespaced,
        field => resource.fields.contains(&field),
    }
}

/// Resources with fields of their own word it in one way, all others in another.
fn unknown_field(resource: &Resource, field: &str) -> Status {
    Status::bad_request(if resource.fields.is_empty() {
        format!(
            "{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        )
    } else {
        format!("field label not supported: {field}")
    })
}

/// A `LabelSelector` as the text a scale's status has.
pub(crate) fn from_match_labels(selector: Option<&Value>) -> String {
    let labels = selector
        .and_then(|selector| selector.get("matchLabels"))
        .and_then(Value::as_object);
    let mut pairs: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    pairs.sort();
    pairs.join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::world::resource::find;

    #[track_caller]
    fn check(selector: &str, labels: &Value, expected: Result<bool, &str>) {
        let parsed = parse_labels(selector);
        let found = parsed.map(|wanted| wanted.iter().all(|one| one.matches(Some(labels))));
        assert_eq!(found, expected.map_err(str::to_owned), "{selector}");
    }

    #[test]
    fn labels_are_selected_by_the_whole_grammar() {
        let labels = json!({"app": "web", "tier": "front", "weight": "5"});
        check("app=web,tier", &labels, Ok(true));
        check("app==web,!gone", &labels, Ok(true));
        check("app!=web", &labels, Ok(false));
        check("gone!=web", &labels, Ok(true));
        check("app in (api, web),tier notin (back)", &labels, Ok(true));
        check("weight>4,weight<6", &labels, Ok(true));
        check("app=", &labels, Ok(false));
        check("gone", &labels, Ok(false));
        check("", &labels, Ok(true));
    }

    #[test]
    fn broken_selectors_are_worded_as_the_server_words_them() {
        let none = json!({});
        check("app===bad", &none, Err("found '=', expected: identifier"));
        check("app in web", &none, Err("found 'web' expected: '('"));
        check("app in (web", &none, Err("found '', expected: ',' or ')'"));
        check(
            "a b",
            &none,
            Err("found 'b', expected: ',' or 'end of string'"),
        );
    }

    #[test]
    fn only_indexed_fields_select() {
        let pods = find("", "v1", "pods").unwrap();
        assert!(parse_fields(pods, "spec.nodeName=a,status.phase!=Running").is_ok());
        assert!(parse_fields(pods, "spec.containers=a").is_err());
        let nodes = find("", "v1", "nodes").unwrap();
        assert!(parse_fields(nodes, "metadata.namespace=a").is_err());
    }
}
