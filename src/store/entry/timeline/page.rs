//! Pages of entries: what is asked for, and the parts of their statements.

use uuid::Uuid;

use crate::{
    error::Error,
    model::{EntryFilter, Micros, Order, Position},
    store::entry::payload::Frames,
};

/// The largest page in bytes, so that a response stays below the usual limit of clients, 4 MiB.
pub const PAGE_BYTES: usize = 3 << 20;

/// A page of a timeline.
#[derive(Clone, Debug)]
pub struct Page {
    pub entries: Frames,
    /// The position of the next page; None on the last one.
    pub next: Option<Position>,
    /// The canonical id of the customer.
    pub customer_id: Uuid,
    /// The revision of the customer when the page was read; the sum for merged records.
    pub revision: i64,
}

/// A request for a page.
#[derive(Clone, Debug)]
pub struct PageRequest {
    pub filter: EntryFilter,
    pub order: Order,
    /// The position at which the previous page ended.
    pub after: Option<Position>,
    /// The maximum number of entries, at least one.
    pub limit: usize,
}

/// The index that leads to the entries of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The time.
    Time,
    /// The order that they are about.
    Order,
    /// The case that they belong to.
    Case,
}

impl By {
    pub const ALL: [Self; 3] = [Self::Time, Self::Order, Self::Case];

    pub fn of(filter: &EntryFilter) -> Self {
        match (&filter.order, filter.case_id) {
            (Some(_), _) => Self::Order,
            (None, Some(_)) => Self::Case,
            (None, None) => Self::Time,
        }
    }

    /// The table of the index, and its column.
    pub fn index(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Time => None,
            Self::Order => Some(("order_entries", "order_key")),
            Self::Case => Some(("case_entries", "case_id")),
        }
    }
}

/// The conditions for the entries of a list: the position it starts after ($2, $3), the time it
/// ends at ($4), and with a filter the kinds ($6) and channels ($7), as lists such as `,phone,web,`
/// or null. `key` is the table of the index in use.
pub fn range_text(key: &str, order: Order, filtered: bool) -> String {
    let (behind, bound) = match order {
        Order::NewestFirst => ("<", ">="),
        Order::OldestFirst => (">", "<"),
    };
    let filter = if filtered {
        " and ($6 = '' or $6 like '%,' || e.kind || ',%') \
         and ($7 = '' or $7 like '%,' || e.channel || ',%')"
    } else {
        ""
    };
    format!(
        " and ({key}.occurred_at, {key}.entry_id) {behind} ($2, $3) \
         and {key}.occurred_at {bound} $4{filter}"
    )
}

/// The order and the limit of a list of entries. `table` is empty or ends with a dot.
pub fn sorted_text(table: &str, order: Order) -> String {
    let direction = match order {
        Order::NewestFirst => "desc",
        Order::OldestFirst => "asc",
    };
    format!(" order by {table}occurred_at {direction}, {table}entry_id {direction} limit $5")
}

/// One row with all entries of a page, or with null if they are too large together. The subquery is
/// sorted, and both databases feed the aggregate in that order; the tests of paging verify it.
pub fn page_text(columns: &str, rows: &str) -> String {
    format!(
        "select {columns}case when sum(length(p.payload)) <= {PAGE_BYTES} \
         then string_agg(p.payload, '') end, count(*) from ({rows}) p"
    )
}

/// The time range of a request: after a position, up to a time.
pub fn bounds(request: &PageRequest) -> (Position, Micros) {
    let filter = &request.filter;
    match request.order {
        Order::NewestFirst => {
            let before = filter
                .occurred_before
                .map_or(Position { occurred_at: Micros::MAX, entry_id: Uuid::max() }, |at| {
                    Position { occurred_at: at, entry_id: Uuid::nil() }
                });
            (request.after.unwrap_or(before), filter.occurred_from.unwrap_or(Micros::MIN))
        }
        Order::OldestFirst => {
            let from = Position {
                occurred_at: filter.occurred_from.unwrap_or(Micros::MIN),
                entry_id: Uuid::nil(),
            };
            (request.after.unwrap_or(from), filter.occurred_before.unwrap_or(Micros::MAX))
        }
    }
}

/// The parameters of a page's statement.
pub struct Binds {
    pub(super) behind: Position,
    pub(super) bound: Micros,
    pub(super) kinds: String,
    pub(super) channels: String,
}

impl Binds {
    pub(super) fn of(request: &PageRequest) -> Self {
        let (behind, bound) = bounds(request);
        let kinds = code_list(request.filter.kinds.iter().map(|kind| kind.code()));
        let channels = code_list(request.filter.channels.iter().map(|channel| channel.code()));
        Self { behind, bound, kinds, channels }
    }
}

/// A list of codes in the form that the statements compare.
pub fn code_list(codes: impl Iterator<Item = &'static str>) -> String {
    let list: String = codes.map(|code| format!("{code},")).collect();
    if list.is_empty() { list } else { format!(",{list}") }
}

/// The entries of a page and the position of the next one, from one row more than the page may
/// hold.
pub fn cut(bytes: Vec<u8>, limit: usize) -> Result<(Frames, Option<Position>), Error> {
    let mut entries = Frames::split(bytes)?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = if more { entries.last_position()? } else { None };
    Ok((entries, next))
}
