//! Lists of incidents: filter, order, pages.
//!
//! Open before resolved, worst before mild, new before old. A cursor is the
//! place of the last row, so a page does not shift when others change.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use appliance_core::incident::{IncidentId, severity_rank};

use crate::row::ListRow;

/// Which incidents by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StateFilter {
    /// At least one alert fires.
    #[default]
    Open,
    /// All alerts have ended.
    Resolved,
    /// Both.
    All,
}

/// Which incidents, and which page of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Open, resolved or all.
    pub state: StateFilter,
    /// Exact severity word.
    pub severity: Option<String>,
    /// Exact namespace.
    pub namespace: Option<String>,
    /// Text that title, cause, workload or owner contain, ignoring case.
    pub text: Option<String>,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// Most rows.
    pub limit: usize,
}

/// A place in the order of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    closed: bool,
    mildness: Reverse<u8>,
    age: Reverse<IncidentId>,
}

impl Cursor {
    fn of(row: &ListRow) -> Self {
        Self {
            closed: !row.is_open(),
            mildness: Reverse(severity_rank(&row.severity)),
            age: Reverse(row.id),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{}.{}",
            u8::from(self.closed),
            self.mildness.0,
            self.age.0.number()
        )
    }
}

/// The text is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one this appliance gave out; list again without it")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let mut parts = text
            .split('.')
            .map(|part| part.parse::<u64>().map_err(|_| CursorError));
        let mut next = || parts.next().unwrap_or(Err(CursorError));
        let (closed, rank, number) = (next()?, next()?, next()?);
        if closed > 1 || parts.next().is_some() {
            return Err(CursorError);
        }
        Ok(Self {
            closed: closed == 1,
            mildness: Reverse(u8::try_from(rank).map_err(|_| CursorError)?),
            age: Reverse(IncidentId::from_number(number)),
        })
    }
}

/// Totals over all incidents held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Incidents with a firing alert.
    pub open: u64,
    /// Incidents whose alerts have all ended.
    pub resolved: u64,
    /// Firing alerts over all open incidents.
    pub firing_alerts: u64,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The rows, in order.
    pub rows: Vec<ListRow>,
    /// Ask for the next page with this; absent on the last.
    pub next: Option<Cursor>,
    /// Totals.
    pub counts: Counts,
    /// Last journal sequence number the page shows.
    pub seq: u64,
}

/// The page of `rows` that `filter` asks for.
pub(crate) fn page<'r>(
    rows: impl Iterator<Item = &'r ListRow> + Clone,
    filter: &ListFilter,
    seq: u64,
) -> Page {
    let text = filter.text.as_ref().map(|text| text.to_lowercase());
    let mut found: Vec<(Cursor, &ListRow)> = rows
        .clone()
        .filter(|row| matches(row, filter, text.as_deref()))
        .map(|row| (Cursor::of(row), row))
        .filter(|(place, _)| filter.after.is_none_or(|after| *place > after))
        .collect();
    found.sort_unstable_by_key(|(place, _)| *place);
    let more = found.len() > filter.limit;
    found.truncate(filter.limit);
    Page {
        next: found.last().filter(|_| more).map(|(place, _)| *place),
        rows: found.into_iter().map(|(_, row)| row.clone()).collect(),
        counts: count(rows),
        seq,
    }
}

pub(crate) fn count<'r>(rows: impl Iterator<Item = &'r ListRow>) -> Counts {
    rows.fold(Counts::default(), |counts, row| Counts {
        open: counts.open + u64::from(row.is_open()),
        resolved: counts.resolved + u64::from(!row.is_open()),
        firing_alerts: counts.firing_alerts + row.firing_count,
    })
}

fn matches(row: &ListRow, filter: &ListFilter, text: Option<&str>) -> bool {
    let state = match filter.state {
        StateFilter::Open => row.is_open(),
        StateFilter::Resolved => !row.is_open(),
        StateFilter::All => true,
    };
    let is = |wanted: &Option<String>, value: &str| {
        wanted.as_deref().is_none_or(|wanted| wanted == value)
    };
    let contains = |text: &str| {
        let id = row.id.to_string();
        [
            &row.title,
            &row.analysis.cause,
            &row.workload,
            &row.analysis.owner,
            &id,
        ]
        .iter()
        .any(|field| field.to_lowercase().contains(text))
    };
    state
        && is(&filter.severity, &row.severity)
        && is(&filter.namespace, &row.namespace)
        && text.is_none_or(contains)
}
