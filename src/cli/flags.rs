//! The settings as flags, generated from the list of settings.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::config::{SETTINGS, Scope, Setting};

/// Keys and values of the settings on the command line: those of the listening commands
/// (`LISTENING`), or those that every command has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags<const LISTENING: bool>(pub Vec<(&'static str, String)>);

fn settings(listening: bool) -> impl Iterator<Item = (usize, &'static Setting)> {
    let wanted = if listening { Scope::Listening } else { Scope::Every };
    SETTINGS.iter().enumerate().filter(move |(_, setting)| setting.scope == wanted)
}

/// The flag of the setting at an index of the list; flags are shown in the list's order.
fn flag(place: usize, setting: &'static Setting, listening: bool) -> Arg {
    let about = setting.about.replace('`', "");
    let (first, rest) = about.split_at(1);
    let value = match setting.key {
        "database" => "URL".to_owned(),
        "listen" => "ADDRESS".to_owned(),
        key => key.rsplit('_').next().unwrap_or(key).to_uppercase(),
    };
    let flag = Arg::new(setting.key)
        .long(setting.key.replace('_', "-"))
        .value_name(value)
        .help(format!("{}{rest}", first.to_uppercase()))
        .help_heading("Settings")
        .display_order(100 + place)
        .global(!listening);
    match setting.key {
        // A flag without a value.
        "allow_unprotected" | "allow_anonymous" => flag
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("BOOL"),
        _ => flag,
    }
}

impl<const LISTENING: bool> Args for Flags<LISTENING> {
    fn augment_args(command: Command) -> Command {
        command.args(settings(LISTENING).map(|(place, setting)| flag(place, setting, LISTENING)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<const LISTENING: bool> FromArgMatches for Flags<LISTENING> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let value = |(_, setting): (usize, &'static Setting)| {
            let value = matches.get_one::<String>(setting.key)?;
            Some((setting.key, value.clone()))
        };
        Ok(Self(settings(LISTENING).filter_map(value).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
