//! The exported tables, with their statements. A test compares the list with the catalogue of the
//! database.

use super::part::{ColumnType::*, Part};

/// The tables in the order of the export. Each statement reads the rows of a record, $1, after a
/// key ($2 and on), and its last parameter is the limit.
pub(super) static PARTS: [Part; 19] = [
    Part {
        table: "customers",
        text: "select id, created_at, profile, revision, identity_revision, person_id, records, \
            open_cases, restricted, held from customers \
            where id = $1 and id > $2 order by id limit $3",
        columns: &[
            ("id", Id),
            ("created_at", Time),
            ("profile", Json),
            ("revision", Number),
            ("identity_revision", Number),
            ("person_id", Id),
            ("records", Number),
            ("open_cases", Number),
            ("restricted", Flag),
            ("held", Flag),
        ],
        key: &[0],
        sides: &[],
        rows: 1,
    },
    Part {
        table: "identifiers",
        text: "select key, slot, claim_id, verification, source, raw_value, mixed_script, \
            valid_from, \
            last_seen_at from identifiers \
            where customer_id = $1 and key > $2 order by key limit $3",
        columns: &[
            ("key", Text),
            ("slot", Number),
            ("claim_id", Id),
            ("verification", Text),
            ("source", Text),
            ("raw_value", Text),
            ("mixed_script", Flag),
            ("valid_from", Time),
            ("last_seen_at", Time),
        ],
        key: &[0],
        sides: &[],
        rows: 200,
    },
    Part {
        table: "ended_identifiers",
        text: "select claim_id, key, verification, source, raw_value, mixed_script, \
            valid_from, \
            last_seen_at, valid_to from ended_identifiers \
            where customer_id = $1 and claim_id > $2 order by claim_id limit $3",
        columns: &[
            ("claim_id", Id),
            ("key", Text),
            ("verification", Text),
            ("source", Text),
            ("raw_value", Text),
            ("mixed_script", Flag),
            ("valid_from", Time),
            ("last_seen_at", Time),
            ("valid_to", Time),
        ],
        key: &[0],
        sides: &[],
        rows: 200,
    },
    Part {
        table: "refused_claims",
        text: "select key, verified, seen_at from refused_claims \
            where customer_id = $1 and key > $2 order by key limit $3",
        columns: &[("key", Text), ("verified", Flag), ("seen_at", Time)],
        key: &[0],
        sides: &[],
        rows: 200,
    },
    Part {
        table: "merges",
        text: "select id, into_id, from_id, asked_into_id, asked_from_id, merged_at, actor, \
            reason, evidence, choices, approved_by from merges \
            where (into_id = $1 or from_id = $1 or asked_into_id = $1 or asked_from_id = $1) \
            and id > $2 order by id limit $3",
        columns: &[
            ("id", Id),
            ("into_id", Id),
            ("from_id", Id),
            ("asked_into_id", Id),
            ("asked_from_id", Id),
            ("merged_at", Time),
            ("actor", Text),
            ("reason", Text),
            ("evidence", Json),
            ("choices", Json),
            ("approved_by", Text),
        ],
        key: &[0],
        sides: &[1, 2, 3, 4],
        rows: 100,
    },
    Part {
        table: "unmerges",
        text: "select u.merge_id, u.unmerged_at, u.actor, u.reason, m.into_id, m.from_id, \
            m.asked_into_id, m.asked_from_id from merges m join unmerges u on u.merge_id = m.id \
            where (m.into_id = $1 or m.from_id = $1 or m.asked_into_id = $1 \
            or m.asked_from_id = $1) and m.id > $2 order by m.id limit $3",
        columns: &[
            ("merge_id", Id),
            ("unmerged_at", Time),
            ("actor", Text),
            ("reason", Text),
            ("into_id", Id),
            ("from_id", Id),
            ("asked_into_id", Id),
            ("asked_from_id", Id),
        ],
        key: &[0],
        sides: &[4, 5, 6, 7],
        rows: 100,
    },
    Part {
        table: "merge_exclusions",
        text: "select one_id, other_id, marked_at, actor, reason from merge_exclusions \
            where (one_id = $1 or other_id = $1) and (one_id, other_id) > ($2, $3) \
            order by one_id, other_id limit $4",
        columns: &[
            ("one_id", Id),
            ("other_id", Id),
            ("marked_at", Time),
            ("actor", Text),
            ("reason", Text),
        ],
        key: &[0, 1],
        sides: &[0, 1],
        rows: 200,
    },
    Part {
        table: "merge_approvals",
        text: "select one_id, other_id, actor, reason, expires_at from merge_approvals \
            where (one_id = $1 or other_id = $1) and (one_id, other_id, actor) > ($2, $3, $4) \
            order by one_id, other_id, actor limit $5",
        columns: &[
            ("one_id", Id),
            ("other_id", Id),
            ("actor", Text),
            ("reason", Text),
            ("expires_at", Time),
        ],
        key: &[0, 1, 2],
        sides: &[0, 1],
        rows: 200,
    },
    Part {
        table: "restrictions",
        text: "select id, kind, placed_at, actor, ticket, reason, lifted_at, lifted_by, \
            lift_ticket, lift_reason from restrictions \
            where customer_id = $1 and id > $2 order by id limit $3",
        columns: &[
            ("id", Id),
            ("kind", Text),
            ("placed_at", Time),
            ("actor", Text),
            ("ticket", Text),
            ("reason", Text),
            ("lifted_at", Time),
            ("lifted_by", Text),
            ("lift_ticket", Text),
            ("lift_reason", Text),
        ],
        key: &[0],
        sides: &[],
        rows: 200,
    },
    // Limited to so many bytes of entries plus one entry.
    Part {
        table: "entries",
        text: "select q.occurred_at, q.entry_id, q.payload from ( \
                select p.occurred_at, p.entry_id, p.payload, sum(length(p.payload)) \
                    over (order by p.occurred_at, p.entry_id) as bytes \
                from (select occurred_at, entry_id, payload from entries \
                    where customer_id = $1 and (occurred_at, entry_id) > ($2, $3) \
                    order by occurred_at, entry_id limit $4) p) q \
            where q.bytes - length(q.payload) < 262144 order by q.occurred_at, q.entry_id",
        columns: &[("occurred_at", Time), ("entry_id", Id), ("entry", Payload)],
        key: &[0, 1],
        sides: &[],
        rows: 64,
    },
    Part {
        table: "orders",
        text: "select order_key, bought_at, entry_id, recorded_at, content from orders \
            where customer_id = $1 and order_key > $2 order by order_key limit $3",
        columns: &[
            ("order_key", Text),
            ("bought_at", Time),
            ("entry_id", Id),
            ("recorded_at", Time),
            ("content", Json),
        ],
        key: &[0],
        sides: &[],
        rows: 10,
    },
    Part {
        table: "cases",
        text: "select case_id, is_open, queue, owner, changed_at, content from cases \
            where customer_id = $1 and case_id > $2 order by case_id limit $3",
        columns: &[
            ("case_id", Id),
            ("is_open", Flag),
            ("queue", Text),
            ("owner", Text),
            ("changed_at", Time),
            ("content", Json),
        ],
        key: &[0],
        sides: &[],
        rows: 10,
    },
    Part {
        table: "case_passes",
        text: "select case_id, locator, tries, issued_at, expires_at from case_passes \
            where customer_id = $1 and case_id > $2 order by case_id limit $3",
        columns: &[
            ("case_id", Id),
            ("locator", Text),
            ("tries", Number),
            ("issued_at", Time),
            ("expires_at", Time),
        ],
        key: &[0],
        sides: &[],
        rows: 200,
    },
    Part {
        table: "promises",
        text: "select promise_id, state, due_at, content from promises \
            where customer_id = $1 and promise_id > $2 order by promise_id limit $3",
        columns: &[("promise_id", Id), ("state", Text), ("due_at", Time), ("content", Json)],
        key: &[0],
        sides: &[],
        rows: 50,
    },
    Part {
        table: "quotes",
        text: "select quote_id, given_at, ends_at, content from quotes \
            where customer_id = $1 and quote_id > $2 order by quote_id limit $3",
        columns: &[("quote_id", Id), ("given_at", Time), ("ends_at", Time), ("content", Json)],
        key: &[0],
        sides: &[],
        rows: 50,
    },
    Part {
        table: "told_facts",
        text: "select told_at, entry_id, case_id, channel, reasked from told_facts \
            where customer_id = $1 and (told_at, entry_id) > ($2, $3) \
            order by told_at, entry_id limit $4",
        columns: &[
            ("told_at", Time),
            ("entry_id", Id),
            ("case_id", Id),
            ("channel", Text),
            ("reasked", Flag),
        ],
        key: &[0, 1],
        sides: &[],
        rows: 200,
    },
    Part {
        table: "suggestions",
        text: "select one_id, other_id, id, rank, reasons, found_at, listed from suggestions \
            where (one_id = $1 or other_id = $1) and (one_id, other_id) > ($2, $3) \
            order by one_id, other_id limit $4",
        columns: &[
            ("one_id", Id),
            ("other_id", Id),
            ("id", Id),
            ("rank", Number),
            ("reasons", Json),
            ("found_at", Time),
            ("listed", Flag),
        ],
        key: &[0, 1],
        sides: &[0, 1],
        rows: 100,
    },
    Part {
        table: "dismissals",
        text: "select one_id, other_id, dismissed_at, actor, reason from dismissals \
            where (one_id = $1 or other_id = $1) and (one_id, other_id) > ($2, $3) \
            order by one_id, other_id limit $4",
        columns: &[
            ("one_id", Id),
            ("other_id", Id),
            ("dismissed_at", Time),
            ("actor", Text),
            ("reason", Text),
        ],
        key: &[0, 1],
        sides: &[0, 1],
        rows: 200,
    },
    // The keys of entries are their source and source_ref.
    Part {
        table: "idempotency_keys",
        text: "select scope, name, entry_id, revision, recorded_at, customer_created \
            from idempotency_keys \
            where customer_id = $1 and (scope, name) > ($2, $3) \
            order by scope, name limit $4",
        columns: &[
            ("scope", Text),
            ("name", Text),
            ("entry_id", Id),
            ("revision", Number),
            ("recorded_at", Time),
            ("customer_created", Flag),
        ],
        key: &[0, 1],
        sides: &[],
        rows: 200,
    },
];
