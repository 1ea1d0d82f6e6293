//! Numbers 18 to 24, and 101: idempotency keys, and the etag.

use tonic::Code;

use super::{
    case::{Call, Case, refused},
    world::{USED_REQUEST_ID, USED_SOURCE_REF, USED_UPDATE_ID, World, record, update, with},
};
use throughline::pb;

pub fn cases(world: &World) -> Vec<Case> {
    let unnamed = || with(|it| (it.source, it.source_ref) = Default::default());
    let mut cases = vec![
        refused(18, "neither request_id nor source_ref", unnamed(), &["request_id"]),
        refused(
            19,
            "a source and no source_ref",
            with(|it| it.source_ref.clear()),
            &["request_id"],
        ),
        refused(19, "a source_ref and no source", with(|it| it.source.clear()), &["entry.source"]),
        refused(
            23,
            "a source_ref of 257 bytes",
            with(|it| it.source_ref = "r".repeat(257)),
            &["entry.source_ref"],
        ),
        refused(
            20,
            "a source with a space",
            with(|it| it.source = "Web Shop".to_owned()),
            &["entry.source"],
        ),
    ];

    let not_a_uuid = "5b0f4d3e-9f0f-4c57-8d4e-1f1f0c6f6d1g";
    let too_long = format!("{USED_REQUEST_ID}0");
    for (number, what, wrong) in [
        (20, "no UUID", not_a_uuid),
        (20, "a number", "4711"),
        (21, "the nil UUID", "00000000-0000-0000-0000-000000000000"),
        (23, "37 characters", &too_long),
        (23, "1 MiB", &"5".repeat(1 << 20)),
    ] {
        let mut entry = unnamed();
        entry.request_id = wrong.to_owned();
        cases.push(refused(number, what, entry, &["request_id"]));
        let update = pb::UpdateCustomerRequest {
            request_id: wrong.to_owned(),
            ..update(&world.customer_id)
        };
        cases.push(refused(number, what, Call::Update(update), &["request_id"]));
    }
    let update_with = |request_id: &str| pb::UpdateCustomerRequest {
        request_id: request_id.to_owned(),
        ..update(&world.customer_id)
    };
    let what = "an update without request_id";
    cases.push(refused(18, what, Call::Update(update_with("")), &["request_id"]));

    cases.extend(used_names(world));
    let stale =
        pb::UpdateCustomerRequest { etag: world.old_etag.clone(), ..update(&world.customer_id) };
    let stale = refused(101, "an etag of before the last change", Call::Update(stale), &[]);
    cases.push(stale.code(Code::Aborted).reason("STALE_ETAG"));
    cases
}

/// Number 24: the idempotency key of another write, with different content.
fn used_names(world: &World) -> Vec<Case> {
    let source_ref = with(|it| {
        it.source_ref = USED_SOURCE_REF.to_owned();
        it.agent = "somebody new".to_owned();
    });
    let mut request_id = with(|it| {
        (it.source, it.source_ref) = Default::default();
        it.agent = "somebody new".to_owned();
    });
    request_id.request_id = USED_REQUEST_ID.to_owned();
    let mut of_an_update = request_id.clone();
    of_an_update.request_id = USED_UPDATE_ID.to_owned();
    let mut update = update(&world.customer_id);
    update.request_id = USED_UPDATE_ID.to_owned();
    update.profile.get_or_insert_default().given_name = "Annelies".to_owned();

    // The second of a batch: the first is not stored either.
    let requests = vec![record(), source_ref.clone()];
    let batch = Call::Batch(pb::BatchRecordEntriesRequest { requests });
    vec![
        refused(24, "a used source_ref", source_ref, &["entry.source_ref"])
            .reason("SOURCE_REF_REUSED"),
        refused(24, "a used source_ref in a batch", batch, &["requests[1].entry.source_ref"])
            .reason("SOURCE_REF_REUSED"),
        refused(24, "a used request_id", request_id, &["request_id"]).reason("REQUEST_ID_REUSED"),
        refused(24, "the request_id of an update", of_an_update, &["request_id"])
            .reason("REQUEST_ID_REUSED"),
        refused(24, "an update with a used request_id", Call::Update(update), &["request_id"])
            .reason("REQUEST_ID_REUSED"),
    ]
}
