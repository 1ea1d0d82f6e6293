//! SearchCustomers among many customers: the time of each kind of query, including the worst ones.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use throughline::{
    api::{caller::Actor, validate},
    clock::Clock,
    pb::{self, search_customers_request::Query},
    store::Store,
};

use crate::{
    Plan,
    load::{self, scatter},
    people::{People, Person},
    table,
    world::{Served, analyze, rules, settings},
};

const PATH: &str = "/throughline.v1.CustomerService/SearchCustomers";
const CONNECTIONS: u32 = 8;
const BATCH: u64 = 1000;

/// The query for an existing customer.
type Kind = (&'static str, fn(&Person, u64) -> String);

const KINDS: [Kind; 30] = [
    ("whole name", |p, _| format!("{} {}", p.given_name, p.family_name)),
    ("family name", |p, _| p.family_name.clone()),
    ("given name", |p, _| p.given_name.clone()),
    ("name, begun", |p, _| format!("{} {}", first(&p.given_name, 2), first(&p.family_name, 4))),
    ("name, one slip", |p, n| format!("{} {}", p.given_name, slip(&p.family_name, n))),
    ("name, a slip in each word", |p, n| {
        slip(&format!("{} {}", slip(&p.given_name, n), slip(&p.family_name, n + 1)), n + 2)
    }),
    ("family name, one slip", |p, n| slip(&p.family_name, n)),
    ("name and locality", |p, _| format!("{} {}", p.family_name, p.locality)),
    ("whole name and locality", |p, _| {
        format!("{} {} {}", p.given_name, p.family_name, p.locality)
    }),
    ("the commonest name", |_, _| "jan jansen".to_owned()),
    ("the commonest, slips in both", |_, _| "jna jnasen".to_owned()),
    ("one letter", |_, n| letter(n)),
    ("two letters apart", |_, n| format!("{} {}", letter(n), letter(n / 26))),
    ("five letters apart", |_, n| (0..5).map(|at| letter(n >> at)).collect::<Vec<_>>().join(" ")),
    ("particles", |_, _| "van der".to_owned()),
    ("six short words", |_, _| "de van der den la jan".to_owned()),
    ("nobody", |_, n| format!("{} {}", nobody(n), nobody(n + 1))),
    ("e-mail address", |p, _| p.email.clone()),
    ("e-mail address, begun", |p, _| first(&p.email, 9)),
    ("e-mail, family name", |p, _| p.email.split('.').nth(1).unwrap_or_default().to_owned()),
    ("a domain of many", |_, _| "@gmail.com".to_owned()),
    ("phone", |p, _| format!("+31 (0){}", p.phone)),
    ("phone without the country", |p, _| format!("0{}", p.phone)),
    ("last six digits", |p, _| format!("{:06}", p.phone % 1_000_000)),
    ("last four digits", |p, _| format!("{:04}", p.phone % 10_000)),
    ("order number", |p, n| p.order_number.clone().unwrap_or(format!("#W{n}"))),
    ("postcode and house", |p, _| format!("{} {}", p.postcode, p.house_number)),
    ("postcode and name", |p, _| format!("{} {}", p.family_name, p.postcode)),
    ("twelve numbers", |_, n| (0..12).map(|at| (n + at).to_string()).collect::<Vec<_>>().join(" ")),
    ("eight short numbers", |_, n| {
        (0..8).map(|at| format!("1{}", (n + at) % 10)).collect::<Vec<_>>().join(" ")
    }),
];

/// Fills a database with customers, and searches.
pub async fn measure(name: &'static str, url: &str, plan: Plan) -> anyhow::Result<()> {
    let people = Arc::new(People::read());
    let store = Store::open(url, CONNECTIONS, Clock::System).await?;
    let rate = fill(&store, &people, u64::from(plan.customers), name).await?;
    analyze(url).await?;
    let bytes = bytes(url).await? / i64::from(plan.customers);
    let served = Served::start(store, settings()).await?;

    let customers = u64::from(plan.customers);
    let request = |kind: Option<usize>| {
        let people = Arc::clone(&people);
        move |n: u64| {
            let dice = scatter(n.wrapping_mul(7));
            let kind = kind.unwrap_or(usize::try_from(dice % KINDS.len() as u64).unwrap_or(0));
            let dice = dice >> 8;
            let text = KINDS[kind].1(&people.person(dice % customers), dice);
            pb::SearchCustomersRequest { query: Some(Query::Text(text)), ..Default::default() }
        }
    };
    let mut rows = Vec::new();
    let mut add = |what: String, measured: load::Measured| {
        let time = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
        let rate = format!("{:.0}/s", measured.calls_a_second);
        rows.push(vec![what, time(measured.p50), time(measured.p99), rate]);
    };
    for (kind, (what, _)) in KINDS.iter().enumerate() {
        let measured = load::run(served.address, PATH, 1, plan.time, request(Some(kind))).await?;
        add((*what).to_owned(), measured);
    }
    for callers in [1, 2, 8] {
        let measured = load::run(served.address, PATH, callers, plan.time, request(None)).await?;
        add(format!("all of them, {callers} callers"), measured);
    }
    let title = format!(
        "SearchCustomers on {name}: {customers} customers, who came at {rate:.0}/s and take \
         {bytes} bytes each in the tables of the search; 1 caller"
    );
    table::print(&title, &["query", "p50", "p99", "searches"], &rows);
    served.close().await;
    Ok(())
}

/// Adds the customers as an import does; one in four has an order. Returns the rate per second.
async fn fill(
    store: &Store,
    people: &Arc<People>,
    customers: u64,
    name: &str,
) -> anyhow::Result<f64> {
    let (send, mut batches) = tokio::sync::mpsc::channel(2);
    let maker_of = Arc::clone(people);
    let maker = std::thread::spawn(move || {
        for first in (0..customers).step_by(usize::try_from(BATCH)?) {
            let mut plain = Vec::new();
            let mut buyers = Vec::new();
            for n in first..customers.min(first + BATCH) {
                let person = maker_of.person(n);
                match &person.order_number {
                    None => plain.push(validate::identify(
                        pb::IdentifyCustomerRequest {
                            identifiers: person.identifiers(),
                            profile: Some(person.profile()),
                            source: String::new(),
                        },
                        &rules(),
                        &Actor::local(),
                    )?),
                    Some(number) => buyers.push(validate::record(
                        bought(&person, number),
                        &rules(),
                        &Actor::local(),
                    )?),
                }
            }
            send.blocking_send((plain, buyers))?;
        }
        anyhow::Ok(())
    });
    let started = Instant::now();
    let mut told = Instant::now();
    let mut done = 0;
    while let Some((plain, buyers)) = batches.recv().await {
        done += plain.len() + buyers.len();
        for identified in store.identify_each(plain).await? {
            identified?;
        }
        for recorded in store.record_each(buyers).await? {
            recorded?;
        }
        if told.elapsed() > Duration::from_secs(10) {
            told = Instant::now();
            let rate = done as f64 / started.elapsed().as_secs_f64();
            eprintln!("{name}: {done} of {customers} customers, {rate:.0}/s");
        }
    }
    maker.join().map_err(|_| anyhow::anyhow!("the maker of people failed"))??;
    Ok(customers as f64 / started.elapsed().as_secs_f64())
}

/// The size of the search tables.
async fn bytes(url: &str) -> anyhow::Result<i64> {
    use sqlx::Connection as _;
    if let Some(file) = url.strip_prefix("sqlite:") {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut db = sqlx::SqliteConnection::connect_with(&options).await?;
        let text = "select sum(pgsize) from dbstat where name in \
            ('customer_names', 'name_words', 'name_variants', 'identifier_parts')";
        Ok(sqlx::query_scalar(text).fetch_one(&mut db).await?)
    } else {
        let mut db = sqlx::PgConnection::connect(url).await?;
        let text = "select cast(sum(pg_total_relation_size(oid)) as bigint) from pg_class \
            where relname in \
            ('customer_names', 'name_words', 'name_variants', 'identifier_parts')";
        Ok(sqlx::query_scalar(text).fetch_one(&mut db).await?)
    }
}

fn bought(person: &Person, number: &str) -> pb::RecordEntryRequest {
    pb::RecordEntryRequest {
        identifiers: person.identifiers(),
        profile: Some(person.profile()),
        entry: Some(pb::Entry {
            occurred_at: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
            channel: pb::Channel::Web.into(),
            source: "bench".to_owned(),
            source_ref: number.to_owned(),
            content: Some(pb::entry::Content::Purchase(pb::Purchase {
                order_number: number.to_owned(),
                lines: vec![pb::PurchaseLine {
                    name: "Television".to_owned(),
                    quantity: 1,
                    ..Default::default()
                }],
                ..Default::default()
            })),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn first(text: &str, count: usize) -> String {
    text.chars().take(count).collect()
}

fn letter(n: u64) -> String {
    char::from(b'a' + u8::try_from(n % 26).unwrap_or(0)).to_string()
}

/// The text with one letter removed, doubled, changed, or swapped with the next.
fn slip(text: &str, n: u64) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = usize::try_from(scatter(n) % letters.len() as u64).unwrap_or(0);
    match scatter(n + 1) % 4 {
        0 => drop(letters.remove(at)),
        1 => letters.insert(at, letters[at]),
        2 => letters[at] = 'e',
        _ if at > 0 => letters.swap(at - 1, at),
        _ => letters.insert(0, 'b'),
    }
    letters.into_iter().collect()
}

/// A word that is in no name.
fn nobody(n: u64) -> String {
    (0..7).map(|at| letter(scatter(n + at))).collect()
}
