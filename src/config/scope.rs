//! What a caller of the file of callers may see, and the channels it works on.

use toml::{Table, Value};

use super::callers::{Reader, listed};
use crate::{
    api::caller::{Scope, Unverified},
    model::Channel,
};

/// The scope of a caller; the default if there is a problem.
pub(super) fn read(reader: &mut Reader<'_>, place: &str, table: &Table) -> Option<Scope> {
    let channels = table.get("channels").map(read_channels);
    if channels == Some(None) {
        let known = Channel::ALL.map(Channel::code).join(", ");
        reader.fail(place, format!("channels: must be some of {known}"));
    }
    let masks_others = match table.get("other_channels").map(Value::as_str) {
        None | Some(Some("shown")) => Some(false),
        Some(Some("masked")) => Some(true),
        Some(_) => None,
    };
    match masks_others {
        None => reader.fail(place, "other_channels: must be shown or masked"),
        Some(true) if channels.is_none() => {
            reader.fail(place, "other_channels: needs channels, which are its own");
        }
        Some(_) => {}
    }
    let word = table.get("unverified").map_or(Some("open_cases"), Value::as_str);
    let unverified = Unverified::ALL.into_iter().find(|(name, _)| Some(*name) == word);
    if unverified.is_none() {
        reader.fail(place, "unverified: must be everything, open_cases or nothing");
    }
    let channels = match channels {
        None => None,
        Some(channels) => Some(channels?),
    };
    Some(Scope { channels, masks_others: masks_others?, unverified: unverified?.1 })
}

fn read_channels(value: &Value) -> Option<Vec<Channel>> {
    let channel = |word: &Value| {
        Channel::ALL.into_iter().find(|channel| Some(channel.code()) == word.as_str())
    };
    let channels: Option<Vec<Channel>> = listed(value).iter().map(channel).collect();
    channels.filter(|channels| !channels.is_empty())
}
