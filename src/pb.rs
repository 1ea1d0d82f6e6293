//! The messages, clients and services of `proto/throughline/v1`, as generated.

#![allow(clippy::all, clippy::pedantic, missing_docs, rustdoc::all)]

use crate::model;

tonic::include_proto!("throughline.v1");

/// The services that the server implements.
pub mod services {
    include!(concat!(env!("OUT_DIR"), "/services/throughline.v1.rs"));
}

/// A timestamp of the contract from microseconds since 1970 UTC.
pub fn timestamp(micros: i64) -> prost_types::Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000)).unwrap_or(0) * 1000;
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

impl From<model::IdentifierKind> for IdentifierKind {
    fn from(kind: model::IdentifierKind) -> Self {
        match kind {
            model::IdentifierKind::CustomerNumber => Self::CustomerNumber,
            model::IdentifierKind::Account => Self::Account,
            model::IdentifierKind::LoyaltyCard => Self::LoyaltyCard,
            model::IdentifierKind::External => Self::External,
            model::IdentifierKind::Email => Self::Email,
            model::IdentifierKind::Social => Self::Social,
            model::IdentifierKind::Phone => Self::Phone,
            model::IdentifierKind::Cookie => Self::Cookie,
        }
    }
}

impl From<model::Verification> for IdentifierVerification {
    fn from(verification: model::Verification) -> Self {
        match verification {
            model::Verification::Claimed => Self::Claimed,
            model::Verification::Verified => Self::Verified,
            model::Verification::Shared => Self::Shared,
        }
    }
}

impl From<Option<model::Channel>> for Channel {
    fn from(channel: Option<model::Channel>) -> Self {
        match channel {
            None => Self::Unspecified,
            Some(model::Channel::Phone) => Self::Phone,
            Some(model::Channel::Web) => Self::Web,
            Some(model::Channel::Email) => Self::Email,
            Some(model::Channel::Chat) => Self::Chat,
            Some(model::Channel::Messaging) => Self::Messaging,
            Some(model::Channel::Social) => Self::Social,
            Some(model::Channel::Store) => Self::Store,
            Some(model::Channel::App) => Self::App,
            Some(model::Channel::Letter) => Self::Letter,
        }
    }
}

impl From<Channel> for Option<model::Channel> {
    fn from(channel: Channel) -> Self {
        model::Channel::ALL.into_iter().find(|one| Channel::from(Some(*one)) == channel)
    }
}

impl From<model::EntryKind> for EntryKind {
    fn from(kind: model::EntryKind) -> Self {
        match kind {
            model::EntryKind::Interaction => Self::Interaction,
            model::EntryKind::Purchase => Self::Purchase,
            model::EntryKind::Return => Self::Return,
            model::EntryKind::Feedback => Self::Feedback,
            model::EntryKind::Note => Self::Note,
            model::EntryKind::IdentityChange => Self::IdentityChange,
            model::EntryKind::CaseChange => Self::CaseChange,
            model::EntryKind::Fact => Self::Fact,
            model::EntryKind::PromiseChange => Self::PromiseChange,
            model::EntryKind::Handover => Self::Handover,
            model::EntryKind::OrderChange => Self::OrderChange,
            model::EntryKind::Quote => Self::Quote,
        }
    }
}

impl From<EntryKind> for Option<model::EntryKind> {
    fn from(kind: EntryKind) -> Self {
        model::EntryKind::ALL.into_iter().find(|one| EntryKind::from(*one) == kind)
    }
}

impl From<model::CaseState> for CaseState {
    fn from(state: model::CaseState) -> Self {
        match state {
            model::CaseState::Open => Self::Open,
            model::CaseState::WaitingForCustomer => Self::WaitingForCustomer,
            model::CaseState::WaitingForUs => Self::WaitingForUs,
            model::CaseState::Resolved => Self::Resolved,
            model::CaseState::Reopened => Self::Reopened,
        }
    }
}

impl From<CaseState> for Option<model::CaseState> {
    fn from(state: CaseState) -> Self {
        Some(match state {
            CaseState::Unspecified => return None,
            CaseState::Open => model::CaseState::Open,
            CaseState::WaitingForCustomer => model::CaseState::WaitingForCustomer,
            CaseState::WaitingForUs => model::CaseState::WaitingForUs,
            CaseState::Resolved => model::CaseState::Resolved,
            CaseState::Reopened => model::CaseState::Reopened,
        })
    }
}

impl From<model::PromiseState> for PromiseState {
    fn from(state: model::PromiseState) -> Self {
        match state {
            model::PromiseState::Open => Self::Open,
            model::PromiseState::Kept => Self::Kept,
            model::PromiseState::Broken => Self::Broken,
            model::PromiseState::Withdrawn => Self::Withdrawn,
        }
    }
}

impl From<model::OrderStatus> for OrderStatus {
    fn from(status: model::OrderStatus) -> Self {
        match status {
            model::OrderStatus::Ordered => Self::Ordered,
            model::OrderStatus::Shipped => Self::Shipped,
            model::OrderStatus::Delivered => Self::Delivered,
            model::OrderStatus::Invoiced => Self::Invoiced,
            model::OrderStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl From<OrderStatus> for Option<model::OrderStatus> {
    fn from(status: OrderStatus) -> Self {
        model::OrderStatus::ALL.into_iter().find(|one| OrderStatus::from(*one) == status)
    }
}

/// All descriptors of the contract, encoded as a `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
