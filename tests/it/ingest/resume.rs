//! Imports into both databases: once, repeated, and killed half-way.

use std::{
    process::{Child, Command, Stdio},
    str::FromStr as _,
};

use sqlx::{Connection as _, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions};
use throughline::{
    api::validate::Rules,
    clock::Clock,
    domain::identifier::normalise,
    ingest::{
        map::Map,
        run::{Options, run},
        source::Input,
        summary::Summary,
    },
    model::{EntryFilter, IdentifierKind, Order},
    pb::{self, entry::Content},
    store::{PageRequest, Store},
};

use super::{entry, example_map, input, notes_map, read};
use crate::support::{Database, NOW, TempFolder, on_both, outside_data};

const RULES: Rules = Rules::new(Clock::System);

async fn import(store: &Store, input: Input) -> Summary {
    import_by(store, input, &RULES, false).await
}

async fn import_by(store: &Store, input: Input, rules: &Rules, dry_run: bool) -> Summary {
    let options = Options { input, dry_run, rejects: None, batch: 1000 };
    let outcome = run(options, store, rules, |_| {}).await;
    assert!(outcome.stopped.is_none(), "{:?}", outcome.stopped);
    outcome.summary
}

fn real(file: &str, map: &str) -> Option<Input> {
    let file = outside_data(file)?;
    Some(Input { file, map: Some(example_map(map)), lines: None, replay: None })
}

/// Every entry of a customer, without what differs between runs.
async fn timeline(store: &Store, kind: IdentifierKind, space: &str, value: &str) -> Vec<pb::Entry> {
    use prost::Message as _;

    let identifier = normalise(kind, space, value, None, None).unwrap();
    let Some(id) = store.find_owner(&identifier).await.unwrap() else { return Vec::new() };
    let mut entries = Vec::new();
    let filter = EntryFilter::default();
    let mut request = PageRequest { filter, order: Order::OldestFirst, after: None, limit: 200 };
    loop {
        let page = store.list_timeline(id, &request).await.unwrap();
        entries.extend(pb::ListTimelineResponse::decode(page.entries.bytes()).unwrap().entries);
        match page.next {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    for entry in &mut entries {
        entry.id.clear();
        entry.customer_id.clear();
        entry.revision = 0;
        entry.recorded_at = None;
    }
    entries.sort_by(|one, other| one.source_ref.cmp(&other.source_ref));
    entries
}

/// The sums paid and refunded, in cents.
fn money(entries: &[pb::Entry]) -> (i64, i64) {
    let amount = |money: &Option<pb::Money>| money.as_ref().map_or(0, |money| money.minor_units);
    entries.iter().fold((0, 0), |(paid, back), entry| match entry.content.as_ref().unwrap() {
        Content::Purchase(purchase) => (paid + amount(&purchase.total), back),
        Content::Returned(returned) => (paid, back + amount(&returned.refund)),
        _ => (paid, back),
    })
}

#[tokio::test]
async fn the_real_data_goes_in_once() {
    let files = [
        ("retail/customers.csv", "retail-customers", 0, 500),
        ("retail/orders.csv", "retail-orders", 1102, 0),
        ("retail/conversations.ndjson", "retail-conversations", 69, 1),
        ("purchases/CDNOW_sample.txt", "cdnow", 6919, 2357),
    ];
    if files.iter().any(|(file, ..)| outside_data(file).is_none()) {
        return;
    }
    on_both(async |database| {
        let store = Store::open(&database.url, 4, Clock::System).await.unwrap();
        for again in [false, true] {
            for (file, map, entries, created) in files {
                let summary = import(&store, real(file, map).unwrap()).await;
                assert_eq!(summary.rejected, 0, "{file}: {summary}");
                assert_eq!(summary.unknown_orders, 0);
                let (new, old) = if again { (0, entries) } else { (entries, 0) };
                assert_eq!((summary.entries, summary.duplicates), (new, old), "{file}");
                let made = if again { 0 } else { created };
                assert_eq!(summary.customers_created, Some(made), "{file}");
            }
        }
        let mut entries = Vec::new();
        let orders = read(&real("retail/customers.csv", "retail-customers").unwrap()).unwrap();
        for customer in &orders.customers {
            let account = &customer.identifiers[0].value;
            entries.extend(timeline(&store, IdentifierKind::Account, "", account).await);
        }
        let orders = read(&real("retail/orders.csv", "retail-orders").unwrap()).unwrap();
        let wanted: Vec<_> = orders.entries.iter().map(|it| entry(it).clone()).collect();
        assert_eq!(entries.len(), 1102 + 68);
        assert_eq!(money(&entries), money(&wanted));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_recorded_is_known_again_by_a_clock_that_has_gone_back() {
    const DAY: i64 = 86_400_000_000;
    let row = |id| format!(r#"{{"id":{id},"at":"2026-03-14T12:00:00Z","text":"x"}}"#);
    let file = |folder: &TempFolder, rows: &[String]| {
        input(folder, "a.ndjson", rows.join("\n"), &notes_map(""))
    };
    let (then, before) = (Rules::new(Clock::Fixed(NOW)), Rules::new(Clock::Fixed(NOW - DAY)));
    on_both(async |database| {
        let store = Store::open(&database.url, 4, Clock::System).await.unwrap();
        let folder = TempFolder::new();
        let one = import_by(&store, file(&folder, &[row(1)]), &then, false).await;
        assert_eq!((one.entries, one.rejected), (1, 0));
        let both = || file(&folder, &[row(1), row(2)]);
        let again = import_by(&store, both(), &before, false).await;
        assert_eq!((again.duplicates, again.entries, again.rejected), (1, 0, 1), "{again}");
        let reason = "entry.occurred_at: is in the future";
        assert_eq!(again.rejected_by.get(reason), Some(&1), "{again}");
        // What is there already is not looked up without writing.
        let dry = import_by(&store, both(), &before, true).await;
        assert_eq!((dry.entries, dry.rejected), (0, 2), "{dry}");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn orders_that_nobody_has() {
    let map =
        notes_map("").replace("text = \"text\"", "text = \"text\"\norder_numbers = \"orders\"");
    let kept = map.replace("text = \"text\"", "text = \"text\"\nunknown_orders = \"attribute\"");
    let row = r##"{"id":1,"at":"2025-01-01T00:00:00Z","text":"x","orders":["#7","#8"]}"##;
    on_both(async |database| {
        let store = Store::open(&database.url, 4, Clock::System).await.unwrap();
        let folder = TempFolder::new();
        let summary = import(&store, input(&folder, "a.ndjson", row, &map)).await;
        assert_eq!((summary.rejected, summary.entries), (1, 0));
        let reason = "entry.order_numbers[]: purchase not found";
        assert_eq!(summary.rejected_by.get(reason), Some(&1), "{summary}");
        for duplicates in [0, 1] {
            let summary = import(&store, input(&folder, "a.ndjson", row, &kept)).await;
            assert_eq!((summary.rejected, summary.duplicates), (0, duplicates), "{summary}");
        }
        let entries = timeline(&store, IdentifierKind::CustomerNumber, "", "1").await;
        assert_eq!(entries[0].attributes["unknown_orders"], "#7, #8");
        assert!(entries[0].order_numbers.is_empty());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_name_that_stands_for_something_else_is_rejected() {
    on_both(async |database| {
        let store = Store::open(&database.url, 4, Clock::System).await.unwrap();
        let folder = TempFolder::new();
        let rows = "id,at,text\n1,2025-01-01T00:00:00Z,a\n1,2025-01-01T00:00:00Z,b\n";
        let summary = import(&store, input(&folder, "a.csv", rows, &notes_map(""))).await;
        assert_eq!((summary.entries, summary.rejected), (1, 1), "{summary}");
        let reasons: Vec<_> = summary.rejected_by.keys().collect();
        assert_eq!(reasons, ["entry.source_ref: names an entry with different content"]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn identifiers_of_several_customers_are_counted_and_nothing_is_linked() {
    let map = "[customer]\nidentifier = [{ kind = \"account\", value = \"account\" }, \
               { kind = \"email\", value = \"email\" }]\n";
    let rows = "account,email\na,a@b.nl\nb,b@b.nl\na,b@b.nl\n";
    on_both(async |database| {
        let store = Store::open(&database.url, 4, Clock::System).await.unwrap();
        let folder = TempFolder::new();
        let summary = import(&store, input(&folder, "a.csv", rows, map)).await;
        assert_eq!((summary.customers_created, summary.conflicts), (Some(2), 1), "{summary}");
        store.close().await;
    })
    .await;
}

/// The number of entries; zero if there is no table yet.
async fn count(database: &Database) -> i64 {
    let query = "select count(*) from entries";
    let count = if database.url.starts_with("sqlite") {
        let options = SqliteConnectOptions::from_str(&database.url).unwrap();
        let Ok(mut connection) = SqliteConnection::connect_with(&options).await else { return 0 };
        sqlx::query_scalar(query).fetch_one(&mut connection).await
    } else {
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        sqlx::query_scalar(query).fetch_one(&mut connection).await
    };
    count.unwrap_or(0)
}

fn start(database: &Database, folder: &TempFolder) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_throughline"));
    let map = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/maps/cdnow.toml");
    command.env("THROUGHLINE_DATABASE", &database.url).current_dir(folder.path());
    // Small batches, so that there are many points to be killed at.
    command.args(["import", "cdnow.txt", "--batch", "40", "--map", map]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Starts the import and kills it once there are this many entries. Returns the number of entries,
/// and whether it was still running.
async fn kill_at(database: &Database, folder: &TempFolder, entries: i64) -> (i64, bool) {
    let mut child = start(database, folder);
    loop {
        let count = count(database).await;
        let alive = child.try_wait().unwrap().is_none();
        if count >= entries || !alive {
            child.kill().unwrap();
            child.wait().unwrap();
            return (count, alive);
        }
    }
}

#[tokio::test]
async fn killed_twenty_times_and_resumed_is_the_same_as_once() {
    let Some(source) = outside_data("purchases/CDNOW_sample.txt") else { return };
    let content = std::fs::read(source).unwrap();
    on_both(async |database| {
        let folder = TempFolder::new();
        std::fs::write(folder.path().join("cdnow.txt"), &content).unwrap();
        let mut places = Vec::new();
        let mut kills = 0;
        for round in 0..20 {
            let (count, alive) = kill_at(database, &folder, round * 340).await;
            kills += i64::from(alive);
            places.push(count);
        }
        assert!(kills >= 15, "most of the runs were killed: {kills}");
        places.dedup();
        assert!(places.len() >= 10, "they were killed at several places: {places:?}");
        assert!(start(database, &folder).wait().unwrap().success());

        let clean = Database::sqlite();
        assert!(start(&clean, &folder).wait().unwrap().success());
        let once = Store::open(&clean.url, 4, Clock::System).await.unwrap();
        let often = Store::open(&database.url, 4, Clock::System).await.unwrap();
        let map = Some(example_map("cdnow"));
        let file = folder.path().join("cdnow.txt");
        let given = read(&Input { file, map, lines: None, replay: None }).unwrap();
        let mut numbers: Vec<_> =
            given.entries.iter().map(|it| it.identifiers[0].value.as_str()).collect();
        numbers.dedup();
        let mut entries = 0;
        for number in numbers {
            let kind = IdentifierKind::CustomerNumber;
            let found = timeline(&often, kind, "cdnow", number).await;
            entries += found.len();
            assert_eq!(found, timeline(&once, kind, "cdnow", number).await);
        }
        assert_eq!((entries, count(database).await), (6919, 6919));
        once.close().await;
        often.close().await;
    })
    .await;
}

#[test]
fn maps_of_the_guide_are_good() {
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/maps")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        Map::parse(&text).unwrap();
    }
}
