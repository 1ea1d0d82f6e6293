//! Numbers 96 to 105: merges, and undoing them.

use throughline::pb;
use tonic::Code;

use super::{
    case::{Call, Case, refused},
    world::World,
};
use crate::identity::{approve, dry_run, exclude_merge, merge, unmerge};

const NOBODY: &str = "0190f3c4-7b1a-7cc0-8000-00000000beef";

pub fn cases(world: &World) -> Vec<Case> {
    let mut cases = of_itself(world);
    cases.extend(refused_by_what_stands(world));
    cases.extend(incomplete(world));
    cases.extend(too_long(world));
    cases.extend(not_found(world));
    cases
}

fn of_itself(world: &World) -> Vec<Case> {
    let one = &world.customer_id;
    let upper = one.to_uppercase();
    let other = &["other_customer_id"];
    vec![
        refused(96, "a merge with itself", merge(one, one), other),
        refused(96, "a merge with itself in capitals", merge(one, &upper), other),
        refused(96, "a look at a merge with itself", dry_run(one, one), other),
        refused(96, "an approval of one", approve(one, one), other),
        refused(96, "a mark on one", exclude_merge(one, one), other),
    ]
}

fn refused_by_what_stands(world: &World) -> Vec<Case> {
    let merged = &world.merged;
    let again = merge(&merged.into, &merged.from);
    // A cycle cannot be requested: merged customers are already one.
    let cycle = merge(&merged.from, &merged.into);
    let approval = approve(&merged.into, &merged.from);
    let mark = exclude_merge(&merged.into, &merged.from);
    let strong = merge(&world.strong[0], &world.strong[1]);
    let apart = merge(&world.apart[1], &world.apart[0]);
    let in_use = unmerge(&world.merge_in_use);
    let one_etag = pb::MergeCustomersRequest {
        etag: world.old_etag.clone(),
        ..merge(&world.customer_id, &merged.into)
    };
    let other_etag = pb::MergeCustomersRequest {
        other_etag: world.old_etag.clone(),
        dry_run: true,
        ..merge(&merged.into, &world.customer_id)
    };
    let already = |number, what, call: Call| {
        let case = refused(number, what, call, &[]).code(Code::AlreadyExists);
        case.reason("ALREADY_MERGED")
    };
    let failed = |number, what, call: Call, reason| {
        refused(number, what, call, &[]).code(Code::FailedPrecondition).reason(reason)
    };
    let stale =
        |what, call: Call| refused(101, what, call, &[]).code(Code::Aborted).reason("STALE_ETAG");
    vec![
        already(98, "a merge of what is merged", again.into()),
        already(98, "an approval of what is merged", approval.into()),
        already(98, "a mark on what is merged", mark.into()),
        already(99, "a merge that would close a cycle", cycle.into()),
        failed(100, "different verified accounts", strong.into(), "NEEDS_APPROVAL"),
        failed(100, "a merge of those kept apart", apart.into(), "MERGE_EXCLUDED"),
        failed(105, "an unmerge of what is built on", in_use.into(), "MERGE_IN_USE"),
        stale("a merge", one_etag.into()),
        stale("a look at a merge of the other", other_etag.into()),
    ]
}

fn incomplete(world: &World) -> Vec<Case> {
    let good = || merge(&world.customer_id, &world.merged.into);
    let empty = pb::MergeCustomersRequest {
        reason: String::new(),
        evidence: Vec::new(),
        request_id: String::new(),
        ..good()
    };
    let blank = pb::MergeCustomersRequest {
        reason: "\u{200b} ".to_owned(),
        evidence: vec!["shown in the store".to_owned(), "\n".to_owned()],
        ..good()
    };
    let approval = pb::ApproveMergeRequest {
        reason: String::new(),
        ..approve(&world.customer_id, &world.merged.into)
    };
    let unmerge =
        pb::UnmergeCustomersRequest { reason: String::new(), ..unmerge(&world.merged.id) };
    let mark = pb::SetMergeExclusionRequest {
        reason: String::new(),
        ..exclude_merge(&world.customer_id, &world.merged.into)
    };
    let bidi = pb::MergeCustomersRequest { reason: "one \u{202e}nosrep".to_owned(), ..good() };
    let control = pb::MergeCustomersRequest { reason: "one\u{1b}[31m".to_owned(), ..good() };
    vec![
        refused(102, "nothing said", empty, &["reason", "evidence", "request_id"]),
        refused(102, "nothing to be seen", blank, &["reason", "evidence[1]"]),
        refused(102, "an approval for no reason", approval, &["reason"]),
        refused(102, "an unmerge for no reason", unmerge, &["reason"]),
        refused(102, "a mark for no reason", mark, &["reason"]),
        refused(102, "a reason that turns around", bidi, &["reason"]),
        refused(102, "a reason that steers a terminal", control, &["reason"]),
        refused(101, "an etag of nobody", wrong_etag(good()), &["etag", "other_etag"]),
    ]
}

fn wrong_etag(call: pb::MergeCustomersRequest) -> pb::MergeCustomersRequest {
    let (etag, other_etag) = ("W/\"1\"".to_owned(), "1.2.3".to_owned());
    pb::MergeCustomersRequest { etag, other_etag, ..call }
}

/// The contract has no list of customers to merge; its lists are limited.
fn too_long(world: &World) -> Vec<Case> {
    let good = || merge(&world.customer_id, &world.merged.into);
    let choice = |field: i32, id: &str| pb::ProfileChoice { field, customer_id: id.to_owned() };
    let evidence =
        pb::MergeCustomersRequest { evidence: vec!["the card".to_owned(); 10_000], ..good() };
    let long = pb::MergeCustomersRequest {
        reason: "r".repeat(501),
        evidence: vec!["e".repeat(501)],
        ..good()
    };
    let twice = pb::MergeCustomersRequest {
        profile_choices: vec![choice(1, &world.customer_id), choice(1, &world.merged.into)],
        ..good()
    };
    let unknown = pb::MergeCustomersRequest {
        profile_choices: vec![choice(0, &world.customer_id), choice(99, "somebody")],
        ..good()
    };
    let named =
        ["profile_choices[0].field", "profile_choices[1].field", "profile_choices[1].customer_id"];
    vec![
        refused(104, "10,000 pieces of evidence", evidence, &["evidence"]),
        refused(104, "texts of 501 characters", long, &["reason", "evidence[0]"]),
        refused(104, "a field chosen twice", twice, &["profile_choices[1].field"]),
        refused(104, "unknown fields", unknown, &named).reason("UNKNOWN_ENUM"),
    ]
}

fn not_found(world: &World) -> Vec<Case> {
    let one = &world.customer_id;
    let look = dry_run(NOBODY, one);
    let list = pb::ListIdentifiersRequest { customer_id: NOBODY.to_owned(), ..Default::default() };
    vec![
        refused(64, "a merge with nobody", merge(one, NOBODY), &[]).reason("CUSTOMER_NOT_FOUND"),
        refused(64, "a look at one with nobody", look, &[]).reason("CUSTOMER_NOT_FOUND"),
        refused(64, "an approval of nobody", approve(NOBODY, one), &[])
            .reason("CUSTOMER_NOT_FOUND"),
        refused(64, "a mark on nobody", exclude_merge(one, NOBODY), &[])
            .reason("CUSTOMER_NOT_FOUND"),
        refused(64, "identifiers of nobody", Call::ListIdentifiers(list), &[])
            .reason("CUSTOMER_NOT_FOUND"),
        refused(64, "an unmerge of nothing", unmerge(NOBODY), &[]).reason("MERGE_NOT_FOUND"),
    ]
    .into_iter()
    .map(|case| case.code(Code::NotFound))
    .collect()
}
