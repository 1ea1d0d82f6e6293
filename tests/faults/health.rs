//! What the server reports about itself.

use std::time::Duration;

use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};

use crate::{
    wait::{until, within},
    world::World,
};

/// How soon it must notice that the store works, or does not.
const KNOWN: Duration = Duration::from_secs(20);
/// The deadline of a request.
const DEADLINE: Duration = Duration::from_secs(5);

/// Waits until the server says that it is ready again.
pub async fn ready(world: &World) {
    says(world, true).await;
}

/// Waits until the server reports that it is not ready: in the log, with one of these causes.
pub async fn not_ready(world: &World, causes: &[&str]) -> Result<(), String> {
    says(world, false).await;
    let cause = world.server().last_line(" not ready").unwrap_or_default();
    match causes.iter().any(|words| cause.contains(words)) {
        true => Ok(()),
        false => Err(format!("not ready, and the cause is none of {causes:?}: {cause}")),
    }
}

/// In either case the server is alive, and says so.
async fn says(world: &World, is_ready: bool) {
    let mut client = world.client().health;
    let wanted = if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    let what = format!("health says {wanted:?}");
    let says = until(async || {
        let mut call = tonic::Request::new(HealthCheckRequest::default());
        call.set_timeout(DEADLINE);
        client.check(call).await.is_ok_and(|answer| answer.get_ref().status() == wanted)
    });
    within(KNOWN, &what, says).await;
    let liveness = HealthCheckRequest { service: "liveness".to_owned() };
    let answer = client.check(liveness).await.expect("liveness");
    assert_eq!(answer.get_ref().status(), ServingStatus::Serving, "liveness");
}
