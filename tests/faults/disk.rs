//! Disks that are full or that fail, once and for a while: the server is not restarted.

use std::time::Duration;

use crate::{
    Form, health,
    kill::{self, AUDIT_WAL, DATABASE, POSTGRES_WAL, WAL},
    load::{Load, Size},
    random::Random,
    report::Outcome,
    shim::{
        Action, Calls,
        Calls::{Read, Sync, Truncate, Write},
        EIO, ENOSPC, Rule, Shim,
    },
    wait::{until, within},
    world::{Kind, World},
};

/// How long a load may take to reach a call that fails.
const POINT: Duration = Duration::from_secs(60);
/// A fault lasts until this many calls were refused.
const REFUSED: usize = 20;
/// Nothing is acknowledged for this long during the fault. This is the control: otherwise the fault
/// was not effective.
const NOTHING: Duration = Duration::from_secs(1);

/// All files of SQLite.
const FILES: &str = "*/t.db*";
const AUDIT_FILES: &str = "*/t.db-audit*";
/// The files of PostgreSQL's tables.
const TABLES: &str = "*/base/*";

const ONCE_SQLITE: &[(Calls, &str, i32)] = &[
    (Write, WAL, ENOSPC),
    (Write, WAL, EIO),
    (Sync, WAL, EIO),
    (Write, DATABASE, EIO),
    (Sync, DATABASE, EIO),
    (Write, AUDIT_WAL, ENOSPC),
    (Sync, AUDIT_WAL, EIO),
];

/// SQLite reports a failed read as damage of the file system.
const READ_SQLITE: &[(Calls, &str, i32)] = &[(Read, WAL, EIO)];
/// PostgreSQL restarts all its backends if its log cannot be written.
const ONCE_POSTGRES: &[(Calls, &str, i32)] =
    &[(Write, POSTGRES_WAL, ENOSPC), (Sync, POSTGRES_WAL, EIO), (Write, TABLES, EIO)];

/// One call fails.
pub async fn once(form: Form) -> Vec<Outcome> {
    let usual = Size::default();
    let damaged = Size { is_damaged: true, ..usual };
    let mut outcomes = Vec::new();
    for (name, kind, errors, size) in [
        ("one write or sync fails", Kind::Sqlite, ONCE_SQLITE, usual),
        ("one read fails", Kind::Sqlite, READ_SQLITE, damaged),
        ("one write or sync fails", Kind::Postgres, ONCE_POSTGRES, usual),
    ] {
        let mut outcome = Outcome::new(name, kind.name());
        for round in 0..form.pick(1, 10) {
            let Some(mut world) = outcome.world(kind).await else { break };
            world.start().await;
            let load = Load::start(world.addresses(), size);
            let mut random = Random::of(round);
            let failed = fail_once(&world, &load, errors, form, &mut random, &mut outcome).await;
            kill::end(&mut world, load, failed, &mut outcome).await;
        }
        outcomes.push(outcome);
    }
    outcomes
}

async fn fail_once(
    world: &World,
    load: &Load,
    errors: &[(Calls, &'static str, i32)],
    form: Form,
    random: &mut Random,
    outcome: &mut Outcome,
) -> Result<(), String> {
    for &(calls, file, error) in errors {
        outcome.recovered(load.more(5, form.recovery()).await?);
        let after = random.below(20);
        let shim = shim(world);
        shim.arm(&[Rule::once(calls, file, Action::Fail(error), after)]);
        outcome.tried += 1;
        let what = format!("{calls:?} of {file} with error {error}");
        within(POINT, &what, until(async || shim.met() == 1)).await;
        if let Some(cluster) = &world.cluster {
            cluster.ready().await;
        }
        let recovery = load.more(5, form.recovery()).await;
        outcome.recovered(recovery.map_err(|problem| format!("after one {what}: {problem}"))?);
        shim.disarm();
        health::ready(world).await;
    }
    Ok(())
}

/// The calls that fail at the same time for a while.
struct While {
    name: &'static str,
    rules: &'static [(Calls, &'static str, i32)],
    /// The cause that health reports.
    cause: &'static str,
    /// Whether nothing can be written meanwhile.
    is_whole: bool,
}

const WHILE_SQLITE: &[While] = &[
    While {
        name: "disk full",
        rules: &[(Write, FILES, ENOSPC)],
        cause: "database: database error 13",
        is_whole: true,
    },
    While {
        name: "disk full of the audit log",
        rules: &[(Write, AUDIT_FILES, ENOSPC)],
        cause: "audit log: database error 13",
        is_whole: true,
    },
    While {
        name: "disk lost",
        rules: &[
            (Write, FILES, EIO),
            (Sync, FILES, EIO),
            (Read, FILES, EIO),
            (Truncate, FILES, EIO),
        ],
        cause: "database: database error",
        is_whole: true,
    },
];

const WHILE_POSTGRES: &[While] = &[
    While {
        name: "disk full",
        rules: &[(Write, TABLES, ENOSPC)],
        cause: "database error 53100",
        is_whole: false,
    },
    While {
        name: "disk lost",
        rules: &[(Write, TABLES, EIO), (Read, TABLES, EIO), (Sync, TABLES, EIO)],
        cause: "database error 58030",
        is_whole: false,
    },
];

/// All calls fail for a while.
pub async fn for_a_while(form: Form) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (kind, faults) in Kind::BOTH.into_iter().zip([WHILE_SQLITE, WHILE_POSTGRES]) {
        for fault in faults {
            let mut outcome = Outcome::new(fault.name, kind.name());
            if let Some(mut world) = outcome.world(kind).await {
                world.start().await;
                let load = Load::start(world.addresses(), Size::default());
                let failed = fail(&world, &load, fault, form, &mut outcome).await;
                kill::end(&mut world, load, failed, &mut outcome).await;
            }
            outcomes.push(outcome);
        }
    }
    outcomes
}

async fn fail(
    world: &World,
    load: &Load,
    fault: &While,
    form: Form,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let rule = |&(calls, file, error): &_| Rule::all(calls, file, Action::Fail(error));
    let rules: Vec<_> = fault.rules.iter().map(rule).collect();
    let shim = shim(world);
    outcome.recovered(load.more(20, form.recovery()).await?);
    for _ in 0..form.pick(1, 10) {
        let before = load.refused();
        shim.arm(&rules);
        let refused = until(async || load.refused() >= before + REFUSED);
        within(POINT, "calls are refused", refused).await;
        if fault.is_whole && load.more(1, NOTHING).await.is_ok() {
            outcome.problems.push(format!("{}: acknowledged while it lasted", fault.name));
        }
        if fault.is_whole {
            health::not_ready(world, &[fault.cause]).await?;
        }
        shim.disarm();
        outcome.tried += 1;
        outcome.recovered(load.more(5, form.recovery()).await?);
        health::ready(world).await;
    }
    Ok(())
}

/// The shim of the processes that write the database files.
fn shim(world: &World) -> &Shim {
    world.cluster.as_ref().map_or(&world.shim, |cluster| &cluster.shim)
}
