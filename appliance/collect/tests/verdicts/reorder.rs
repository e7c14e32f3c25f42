//! The same lists in another order.

use serde_json::Value;

use crate::bundle::Files;

/// Fields of objects whose order means nothing. (That of containers and
/// arguments does.)
const UNORDERED: [&str; 9] = [
    "conditions",
    "volumes",
    "ports",
    "tolerations",
    "taints",
    "addresses",
    "containerStatuses",
    "endpoints",
    "subsets",
];

/// A small generator of chance (a linear congruence is enough to shuffle).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let chosen = self.below(last + 1);
            items.swap(last, chosen);
        }
    }
}

/// Shuffles the items of every list, unordered fields, containers' log
/// sections and series.
pub(crate) fn shuffle(files: &mut Files, seed: u64) {
    let mut chance = Chance(seed + 1);
    files.edit_lists(|_, value| {
        if let Some(items) = value["items"].as_array_mut() {
            chance.shuffle(items);
            for item in items.iter_mut() {
                fields(item, &mut chance);
            }
        }
    });
    if let Some(metrics) = files.0.get_mut("metrics.om") {
        *metrics = series(metrics, &mut chance);
    }
}

fn fields(value: &mut Value, chance: &mut Chance) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                if let (true, Value::Array(items)) =
                    (UNORDERED.contains(&name.as_str()), &mut *value)
                {
                    chance.shuffle(items);
                }
                fields(value, chance);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fields(item, chance)),
        _ => {}
    }
}

/// Shuffles the families and the series in each; samples keep their order.
fn series(text: &str, chance: &mut Chance) -> String {
    let mut families: Vec<(Vec<&str>, Vec<Vec<&str>>)> = Vec::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if line.starts_with('#') {
            if families.last().is_none_or(|(_, series)| !series.is_empty()) {
                families.push((Vec::new(), Vec::new()));
            }
            families.last_mut().unwrap().0.push(line);
            continue;
        }
        if families.is_empty() {
            families.push((Vec::new(), Vec::new()));
        }
        let name = |line: &str| line.rfind('}').map_or(0, |end| end + 1);
        let all = &mut families.last_mut().unwrap().1;
        let key = &line[..name(line)];
        match all.last_mut() {
            Some(one) if !key.is_empty() && one[0].starts_with(key) => one.push(line),
            _ => all.push(vec![line]),
        }
    }
    chance.shuffle(&mut families);
    let mut out = String::new();
    for (head, mut all) in families {
        chance.shuffle(&mut all);
        for line in head.into_iter().chain(all.into_iter().flatten()) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.push_str("# EOF\n");
    out
}
