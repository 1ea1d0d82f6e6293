//! Power cuts under load: what was not synced is lost.

use std::{fs, time::Duration};

use crate::{
    Form,
    check::check,
    cluster::Kill,
    ext4::Disk,
    kill::end,
    load::{Load, Size},
    random::Random,
    report::Outcome,
    shim::{Action, Calls, Rule},
    world::{Kind, World},
};

/// The most operations that are acknowledged between two cuts.
const BETWEEN: usize = 80;
/// The number of operations that are acknowledged but not synced.
const UNSYNCED: usize = 100;
const BOUND: Duration = Duration::from_secs(60);
/// The history is checked after this many cuts of a world.
const CHECKED: usize = 20;

/// A world on a separate disk. The error says what is missing.
async fn world_on_disk(kind: Kind) -> Result<(Disk, World), String> {
    let disk = Disk::new().map_err(|reason| format!("no loop mount (root?): {reason}"))?;
    let folder = disk.path().join("data");
    fs::create_dir(&folder).map_err(|error| error.to_string())?;
    let world = World::within(kind, &folder, disk.apart()).await?;
    Ok((disk, world))
}

/// Cuts the power of the machine with the server and the database.
pub async fn cut(form: Form) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for kind in Kind::BOTH {
        let mut outcome = Outcome::new("power cut", kind.name());
        let mut left = match kind {
            Kind::Sqlite => form.pick(3, 60),
            Kind::Postgres => form.pick(2, 40),
        };
        while left > 0 {
            let (disk, mut world) = match world_on_disk(kind).await {
                Ok(made) => made,
                Err(reason) => {
                    outcome.skip(reason);
                    break;
                }
            };
            let cuts = left.min(CHECKED);
            cut_often(&disk, &mut world, cuts, form, &mut outcome).await;
            left -= cuts;
        }
        outcomes.push(outcome);
    }
    outcomes
}

async fn cut_often(disk: &Disk, world: &mut World, cuts: usize, form: Form, outcome: &mut Outcome) {
    world.start().await;
    disk.sync();
    let load = Load::start(world.addresses(), Size::default());
    let cut = async {
        let mut random = Random::of(outcome.tried as u64);
        for _ in 0..cuts {
            outcome.recovered(load.more(1 + random.below(BETWEEN), form.recovery()).await?);
            once(disk, world).await;
            world.start().await;
            outcome.tried += 1;
        }
        load.more(1, form.recovery()).await.map(|time| outcome.recovered(time))
    };
    let cut = cut.await;
    end(world, load, cut, outcome).await;
}

/// Cuts and restores the power; the server is not started.
async fn once(disk: &Disk, world: &mut World) {
    disk.cut();
    world.kill();
    if let Some(cluster) = &mut world.cluster {
        cluster.kill(Kill::All).await;
    }
    disk.back().await;
    if let Some(cluster) = &mut world.cluster {
        cluster.start().await;
    }
}

/// The control: if the disk falsely reports a sync, acknowledged writes are lost, and this is
/// found.
pub async fn unsynced(_: Form) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for kind in Kind::BOTH {
        let mut outcome = Outcome::new("control: power cut, unsynced", kind.name());
        match world_on_disk(kind).await {
            Ok((disk, world)) => outcomes.push(cut_unsynced(&disk, world, outcome).await),
            Err(reason) => {
                outcome.skip(reason);
                outcomes.push(outcome);
            }
        }
    }
    outcomes
}

async fn cut_unsynced(disk: &Disk, mut world: World, mut outcome: Outcome) -> Outcome {
    world.start().await;
    disk.sync();
    let shim = world.cluster.as_ref().map_or(&world.shim, |cluster| &cluster.shim);
    shim.arm(&[Rule::all(Calls::Sync, "*", Action::Skip)]);
    let load = Load::start(world.addresses(), Size::default());
    load.more(UNSYNCED, BOUND).await.unwrap();
    // Nobody writes when the power is cut: nothing is sent again.
    let load = load.finish(&world).await;
    once(disk, &mut world).await;
    outcome.tried = 1;
    world.shim.disarm();
    world.start().await;
    outcome.take(check(&world, &load).await);
    outcome.must_fail(|it| it.lost > 0)
}
