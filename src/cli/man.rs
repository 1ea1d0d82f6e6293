//! `throughline man`: the manual pages, generated from the command line.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};

use super::{Cli, failure::Failure};

const SOURCE: &str = concat!("throughline ", env!("CARGO_PKG_VERSION"));

#[derive(Args, Debug)]
pub struct ManArgs {
    /// A folder for one page per command [default: print the first page]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

/// Writes the pages.
pub fn run(args: &ManArgs) -> Result<(), Failure> {
    let mut root = Cli::command().disable_help_subcommand(true);
    // Propagates the settings to the commands, and gives each its full name.
    root.build();
    let out = &mut io::stdout().lock();
    let Some(folder) = &args.output else {
        let mut page = Vec::new();
        render_root(&Man::new(root), &mut page)?;
        out.write_all(&page)?;
        return Ok(());
    };
    let failed = |error: io::Error| Failure::Failed(format!("{}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(failed)?;
    let count = write_all(&root, folder).map_err(failed)?;
    writeln!(out, "{count} pages are in {}", folder.display())?;
    Ok(())
}

/// Writes the pages of all commands, and returns their number.
fn write_all(root: &Command, folder: &Path) -> io::Result<usize> {
    let man = page(root);
    render_root(&man, &mut fs::File::create(folder.join(man.get_filename()))?)?;
    let mut count = 1;
    let mut left: Vec<&Command> = root.get_subcommands().collect();
    while let Some(command) = left.pop() {
        let man = page(&without_settings(command));
        render_command(&man, &mut fs::File::create(folder.join(man.get_filename()))?)?;
        count += 1;
        left.extend(command.get_subcommands());
    }
    Ok(count)
}

fn page(command: &Command) -> Man {
    Man::new(command.clone()).source(SOURCE)
}

/// The settings that every command has are described once, on the first page.
fn without_settings(command: &Command) -> Command {
    command.clone().mut_args(|arg| {
        let is_shared = arg.is_global_set();
        arg.hide(is_shared)
    })
}

fn render_root(man: &Man, out: &mut impl Write) -> io::Result<()> {
    man.render(out)?;
    let mut roff = Roff::new();
    roff.control("SH", ["ENVIRONMENT"]);
    roff.text([roman(
        "Each setting has a variable: that of --phone-region is THROUGHLINE_PHONE_REGION. A flag \
         overrides the environment, which overrides the file of --config, which overrides the \
         default.",
    )]);
    roff.control("PP", []);
    roff.text([roman("NO_COLOR leaves colours out where it is not empty.")]);
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in [
        ("0", "The work was done."),
        ("1", "The command failed, or a check found a problem."),
        ("2", "The command line or the configuration is wrong."),
    ] {
        roff.control("TP", []);
        roff.text([roman(code)]);
        roff.text([roman(meaning)]);
    }
    roff.to_writer(out)
}

fn render_command(man: &Man, out: &mut impl Write) -> io::Result<()> {
    man.render(out)?;
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman("throughline(1), which describes the settings of every command.")]);
    roff.to_writer(out)
}
