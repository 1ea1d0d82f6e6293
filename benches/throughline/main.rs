//! The speed of the product, as ratios against what it stands on, measured side by side in one run:
//! the same query and the same insert by pgbench on the same PostgreSQL, COPY of the same rows, and
//! an RPC that answers the same bytes from memory. `cargo bench` runs all; its options are read
//! from the environment: BENCH_CUSTOMERS (100000), BENCH_SECONDS (5), BENCH_ONLY (sqlite or
//! postgres), BENCH_PARTS (import,reads,sizes,writes,merge,search,briefing,
//! audit,metrics,live,undisclosed).

mod audit;
mod briefing;
mod empty;
mod import;
mod live;
mod load;
mod merge;
mod metrics;
mod people;
mod pgbench;
#[path = "../../tests/it/support/postgres.rs"]
mod postgres;
mod reads;
mod search;
mod table;
mod undisclosed;
mod world;
mod writes;

use std::time::Duration;

/// The allocator of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Customers of the large world, each with 20 entries, and of the search.
    pub customers: u32,
    /// How long each number is measured.
    pub time: Duration,
    parts: [bool; PARTS.len()],
}

impl Plan {
    fn wants(self, part: &str) -> bool {
        PARTS.iter().zip(self.parts).any(|(name, wanted)| wanted && *name == part)
    }

    /// Whether a part needs the world of customers with a timeline.
    fn has_world(self) -> bool {
        PARTS[..8].iter().any(|part| self.wants(part))
    }
}

/// How many callers there are at once.
pub fn callers() -> Vec<usize> {
    let wanted = std::env::var("BENCH_CALLERS").unwrap_or_default();
    let wanted: Vec<usize> = wanted.split(',').filter_map(|n| n.parse().ok()).collect();
    if wanted.is_empty() { vec![1, 32, 64, 128] } else { wanted }
}

/// The last three have worlds of their own.
const PARTS: [&str; 11] = [
    "import",
    "reads",
    "sizes",
    "writes",
    "merge",
    "briefing",
    "audit",
    "metrics",
    "search",
    "live",
    "undisclosed",
];

fn main() -> anyhow::Result<()> {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let parts = std::env::var("BENCH_PARTS").unwrap_or_default();
    let plan = Plan {
        customers: u32::try_from(number("BENCH_CUSTOMERS", 100_000))?,
        time: Duration::from_secs(number("BENCH_SECONDS", 5)),
        parts: PARTS.map(|part| parts.is_empty() || parts.split(',').any(|wanted| wanted == part)),
    };
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    let wanted = |name: &str| only.is_empty() || only == name;
    // `cargo test --benches` and `cargo bench -- --test` only want to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        if wanted("postgres") {
            on_postgres(plan).await?;
        }
        if wanted("sqlite") {
            on_sqlite(plan).await?;
        }
        anyhow::Ok(())
    })
}

async fn on_postgres(plan: Plan) -> anyhow::Result<()> {
    let Some(cluster) = postgres::postgres() else {
        anyhow::bail!("PostgreSQL is not here; BENCH_ONLY=sqlite measures the other half");
    };
    if plan.wants("search") {
        search::measure("postgres", &cluster.new_database().await, plan).await?;
    }
    if plan.wants("live") {
        live::measure("postgres", &cluster.new_database().await, 2, plan).await?;
    }
    if plan.wants("undisclosed") {
        undisclosed::compare("postgres", &cluster.new_database().await, plan).await?;
    }
    if !plan.has_world() {
        return Ok(());
    }
    let url = cluster.new_database().await;
    let pgbench = pgbench::Pgbench::new(cluster.program("pgbench"), cluster.program("psql"), &url);
    let world = world::World::fill("postgres", &url, plan.customers, 0).await?;
    let small_url = cluster.new_database().await;
    let small = world::World::fill("postgres", &small_url, 1000, 0).await?;
    if plan.wants("import") {
        import::compare_with_copy(&world, &pgbench)?;
    }
    if plan.wants("briefing") {
        briefing::fill(&url, world.customers).await?;
        briefing::fill(&small_url, small.customers).await?;
        world::analyze(&url).await?;
    }
    compare(&world, &small, Some(&pgbench), plan).await?;
    if plan.wants("merge") {
        merge::measure(&world, &url, plan).await?;
    }
    if plan.wants("audit") {
        audit::compare(&world, &url, plan).await?;
    }
    world.close().await;
    small.close().await;
    Ok(())
}

async fn on_sqlite(plan: Plan) -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("throughline-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let url = |name: &str| format!("sqlite:{}", folder.join(name).display());
    if plan.wants("search") {
        search::measure("sqlite", &url("search.db"), plan).await?;
    }
    if plan.wants("live") {
        live::measure("sqlite", &url("live.db"), 1, plan).await?;
    }
    if plan.wants("undisclosed") {
        undisclosed::compare("sqlite", &url("undisclosed.db"), plan).await?;
    }
    if !plan.has_world() {
        std::fs::remove_dir_all(&folder)?;
        return Ok(());
    }
    let world = world::World::fill("sqlite", &url("large.db"), plan.customers, 0).await?;
    let small = world::World::fill("sqlite", &url("small.db"), 1000, 0).await?;
    if plan.wants("briefing") {
        briefing::fill(&url("large.db"), world.customers).await?;
        briefing::fill(&url("small.db"), small.customers).await?;
    }
    compare(&world, &small, None, plan).await?;
    if plan.wants("merge") {
        merge::measure(&world, &url("large.db"), plan).await?;
    }
    if plan.wants("audit") {
        audit::compare(&world, &url("large.db"), plan).await?;
    }
    world.close().await;
    small.close().await;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// What is measured in the same way on both databases.
async fn compare(
    world: &world::World,
    small: &world::World,
    pgbench: Option<&pgbench::Pgbench>,
    plan: Plan,
) -> anyhow::Result<()> {
    if plan.wants("reads") {
        reads::compare(world, pgbench, plan).await?;
    }
    if plan.wants("sizes") {
        reads::compare_sizes(world, small, plan).await?;
    }
    if plan.wants("metrics") {
        metrics::compare(world, plan).await?;
    }
    if plan.wants("writes") {
        writes::compare(world, pgbench, plan).await?;
    }
    if plan.wants("briefing") {
        briefing::compare(world, small, plan).await?;
    }
    Ok(())
}
