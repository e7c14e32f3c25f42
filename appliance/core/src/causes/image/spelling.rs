//! Whether two names differ by one slip of the keyboard.

/// Names shorter than this differ too easily to call it a slip.
const SHORTEST: usize = 4;

/// Whether `a` becomes `b` by one letter added, dropped, changed, or two
/// neighbours swapped. Equal names are no slip.
pub(super) fn is_slip(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a == b || a.len().min(b.len()) < SHORTEST || a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[head..], &b[head..]);
    match a.len().cmp(&b.len()) {
        std::cmp::Ordering::Less => a == &b[1..],
        std::cmp::Ordering::Greater => &a[1..] == b,
        std::cmp::Ordering::Equal => {
            let swapped = a.len() > 1 && a[0] == b[1] && a[1] == b[0] && a[2..] == b[2..];
            swapped || a[1..] == b[1..]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(a: &str, b: &str, expected: bool) {
        assert_eq!(is_slip(a, b), expected, "{a} {b}");
        assert_eq!(is_slip(b, a), expected, "{b} {a}");
    }

    #[test]
    fn one_slip_is_recognized() {
        check("nginx", "ngnix", true);
        check("nginx", "ngin", true);
        check("nginx", "nginxx", true);
        check("nginx", "nginy", true);
    }

    #[test]
    fn equal_short_and_distant_names_are_no_slip() {
        check("nginx", "nginx", false);
        check("web", "wep", false);
        check("nginx", "ngxni", false);
        check("orders", "order-db", false);
    }
}
