//! The settings as flags, made from the one list of settings.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::config::{SETTINGS, Scope, Setting};

/// Keys and values of the settings that stand on the command line: those of the listening commands
/// (`LISTENING`), or those that every command has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags<const LISTENING: bool>(pub Vec<(&'static str, String)>);

fn settings(listening: bool) -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(move |setting| (setting.scope == Scope::Listening) == listening)
}

fn flag(setting: &'static Setting, listening: bool) -> Arg {
    let flag = Arg::new(setting.key)
        .long(setting.key.replace('_', "-"))
        .value_name(setting.key.rsplit('_').next().unwrap_or(setting.key).to_uppercase())
        .help(format!("Sets {}", setting.about.replace('`', "")))
        .help_heading("Settings")
        .global(!listening);
    match setting.key {
        // The one that is a plain yes.
        "allow_unprotected" => flag
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("BOOL"),
        _ => flag,
    }
}

impl<const LISTENING: bool> Args for Flags<LISTENING> {
    fn augment_args(command: Command) -> Command {
        command.args(settings(LISTENING).map(|setting| flag(setting, LISTENING)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<const LISTENING: bool> FromArgMatches for Flags<LISTENING> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let value = |setting: &'static Setting| {
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
