//! `throughline caller`: the applications that may call, in the file of callers. Edits keep the
//! rest of the file, including its comments.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use sha2::{Digest as _, Sha256};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

use super::{failure::Failure, render::pad};
use crate::{
    clock::Clock,
    config::{Config, read_callers},
};

#[derive(Args, Debug)]
pub struct CallerArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Add a caller and print its token once; a caller with an issuer or a certificate gets none
    Add(Box<AddArgs>),
    /// Give a caller a second token and print it once; the old one stays valid
    Rotate {
        /// Which caller
        name: String,
    },
    /// Revoke the older of a caller's two tokens
    Retire {
        /// Which caller
        name: String,
    },
    /// Remove a caller
    Revoke {
        /// Which caller
        name: String,
    },
    /// Show the callers
    List,
}

#[derive(Args, Debug)]
struct AddArgs {
    /// Letters, digits, '.', '_' and '-'
    name: String,
    /// Its roles: recorder, reader, agent, supervisor or privacy_officer
    #[arg(long = "role", value_name = "ROLE,...", value_delimiter = ',', required = true)]
    roles: Vec<String>,
    /// The kinds of identifiers that it may verify, and profile
    #[arg(long, value_name = "KIND,...", value_delimiter = ',')]
    verifies: Vec<String>,
    /// When its tokens expire, such as 2027-12-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    #[command(flatten)]
    bounds: Bounds,
    #[command(flatten)]
    known_by: KnownBy,
}

/// What restricts a caller within its roles.
#[derive(Args, Debug)]
struct Bounds {
    /// The channels that it works on [default: all]
    #[arg(long, value_name = "CHANNEL,...", value_delimiter = ',')]
    channels: Vec<String>,
    /// The content of other channels: shown or masked
    #[arg(long, value_name = "WHAT", requires = "channels")]
    other_channels: Option<String>,
    /// What an unverified identifier discloses to it: everything, open_cases or nothing [default:
    /// open_cases]
    #[arg(long, value_name = "WHAT")]
    unverified: Option<String>,
    /// The default purpose of its calls, such as service
    #[arg(long, value_name = "PURPOSE")]
    purpose: Option<String>,
    /// The users who may act through it: any, named, or a list of names [default: any]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    actors: Vec<String>,
}

impl Bounds {
    fn write(self, caller: &mut Table) {
        let Self { channels, other_channels, unverified, purpose, actors } = self;
        if !channels.is_empty() {
            caller.insert("channels", value(channels.into_iter().collect::<Array>()));
        }
        let words =
            [("other_channels", other_channels), ("unverified", unverified), ("purpose", purpose)];
        for (key, word) in words {
            if let Some(word) = word {
                caller.insert(key, value(word));
            }
        }
        match &actors[..] {
            [] => {}
            [word] if word == "any" || word == "named" => {
                caller.insert("actors", value(word));
            }
            _ => {
                caller.insert("actors", value(actors.into_iter().collect::<Array>()));
            }
        }
    }
}

/// How a caller without a token of ours is authenticated.
#[derive(Args, Debug)]
struct KnownBy {
    /// The issuer of its tokens, as the file names it
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// The claim sub of its tokens
    #[arg(long, value_name = "SUB", requires = "issuer")]
    subject: Option<String>,
    /// The claim azp or client_id of its tokens
    #[arg(long, value_name = "CLIENT", requires = "issuer")]
    client: Option<String>,
    /// A DNS or URI name of its client certificate
    #[arg(long, value_name = "NAME")]
    certificate: Option<String>,
}

/// Edits or lists the file of callers.
pub fn run(args: CallerArgs, config: &Config) -> Result<(), Failure> {
    let path = config.callers_file.as_deref().ok_or_else(|| {
        Failure::Usage("which file of callers? Name it with --callers-file".to_owned())
    })?;
    let mut file = CallersFile::open(path)?;
    let out = &mut io::stdout();
    let name = path.display();
    match args.command {
        Command::Add(args) => {
            let caller = args.name.clone();
            let token = file.add(*args)?;
            file.save()?;
            match token {
                Some(token) => {
                    writeln!(out, "The token of {caller}, shown this once:\n\n  {token}\n")?;
                    writeln!(out, "{name} has its hash. Servers know it within seconds.")?;
                }
                None => writeln!(out, "{name} has {caller}. Servers know it within seconds.")?,
            }
        }
        Command::Rotate { name: caller } => {
            let token = file.rotate(&caller)?;
            file.save()?;
            writeln!(out, "The new token of {caller}, shown this once:\n\n  {token}\n")?;
            writeln!(
                out,
                "The previous one is valid until `throughline caller retire {caller}` removes it."
            )?;
        }
        Command::Retire { name: caller } => {
            file.retire(&caller)?;
            file.save()?;
            writeln!(out, "{caller} has one token. Servers know that within seconds.")?;
        }
        Command::Revoke { name: caller } => {
            file.revoke(&caller)?;
            file.save()?;
            writeln!(out, "{caller} is no caller any more. Servers know that within seconds.")?;
        }
        Command::List => write!(out, "{}", file.list()?)?,
    }
    Ok(())
}

/// The file and its contents after the change.
struct CallersFile {
    path: PathBuf,
    document: DocumentMut,
}

impl CallersFile {
    /// Opens the file. A missing file has no callers; one that a server would not read is refused.
    fn open(path: &Path) -> Result<Self, Failure> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Failure::Failed(format!("{}: {error}", path.display()))),
        };
        read_callers(&path.display().to_string(), &text)?;
        let document = text.parse().context("the file of callers")?;
        Ok(Self { path: path.to_owned(), document })
    }

    fn callers(&mut self) -> Result<&mut ArrayOfTables, Failure> {
        let empty = || Item::ArrayOfTables(ArrayOfTables::new());
        let callers = self.document.entry("caller").or_insert_with(empty);
        callers.as_array_of_tables_mut().ok_or_else(|| {
            Failure::Failed("write the callers of the file as tables: [[caller]]".to_owned())
        })
    }

    fn caller(&mut self, name: &str) -> Result<&mut Table, Failure> {
        let mut callers = self.callers()?.iter_mut();
        let found = callers.find(|caller| text(caller, "name") == name);
        found.ok_or_else(|| {
            let advice = "there is no such caller. `throughline caller list` shows all";
            Failure::Failed(advice.to_owned())
        })
    }

    fn add(&mut self, args: AddArgs) -> Result<Option<String>, Failure> {
        let AddArgs { name, roles, verifies, expires, bounds, known_by } = args;
        let mut caller = Table::new();
        caller.insert("name", value(name));
        caller.insert("roles", value(roles.into_iter().collect::<Array>()));
        let token = match known_by.write(&mut caller) {
            true => None,
            false => {
                let (token, hash) = new_token();
                caller.insert("token_sha256", value(hash));
                Some(token)
            }
        };
        if let Some(expires) = expires {
            caller.insert("expires", value(expires));
        }
        if !verifies.is_empty() {
            caller.insert("verifies", value(verifies.into_iter().collect::<Array>()));
        }
        bounds.write(&mut caller);
        self.callers()?.push(caller);
        Ok(token)
    }

    fn rotate(&mut self, name: &str) -> Result<String, Failure> {
        let (token, hash) = new_token();
        let caller = self.caller(name)?;
        let before = match &texts(caller, "token_sha256")[..] {
            [before] => before.clone(),
            [] => return Err(no_token(name)),
            _ => {
                return Err(Failure::Failed(format!(
                    "{name} has two tokens; `throughline caller retire {name}` removes the older \
                     one"
                )));
            }
        };
        let both = [before, hash].into_iter().collect::<Array>();
        caller.insert("token_sha256", value(both));
        Ok(token)
    }

    fn retire(&mut self, name: &str) -> Result<(), Failure> {
        let caller = self.caller(name)?;
        let newer = match &texts(caller, "token_sha256")[..] {
            [_, newer] => newer.clone(),
            [] => return Err(no_token(name)),
            _ => {
                return Err(Failure::Failed(format!(
                    "{name} has only one token; `throughline caller rotate {name}` adds another, \
                     and `throughline caller revoke {name}` removes it"
                )));
            }
        };
        caller.insert("token_sha256", value(newer));
        Ok(())
    }

    fn revoke(&mut self, name: &str) -> Result<(), Failure> {
        self.caller(name)?;
        self.callers()?.retain(|caller| text(caller, "name") != name);
        Ok(())
    }

    /// A table of all callers.
    fn list(&mut self) -> Result<String, Failure> {
        let heads = ["name", "roles", "known by", "expires", "may verify"].map(str::to_owned);
        let mut rows = vec![heads];
        for caller in self.callers()?.iter() {
            let expires = match caller.get("expires").and_then(Item::as_datetime) {
                Some(time) => time.to_string(),
                None => text(caller, "expires").to_owned(),
            };
            let or = |text: String, other: &str| {
                if text.is_empty() { other.to_owned() } else { text }
            };
            rows.push([
                text(caller, "name").to_owned(),
                texts(caller, "roles").join(", "),
                known_by(caller),
                or(expires, "never"),
                or(texts(caller, "verifies").join(", "), "nothing"),
            ]);
        }
        if rows.len() == 1 {
            return Ok("No callers. `throughline caller add NAME` adds one.\n".to_owned());
        }
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2), width(3), width(4)];
        let line = |row: &[String; 5]| {
            let cells = row.iter().zip(widths).map(|(cell, width)| pad(cell, width));
            format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
        };
        Ok(rows.iter().map(line).collect())
    }

    /// Replaces the file in one step, so that no server reads half of it. Only this user may read
    /// it.
    fn save(&self) -> Result<(), Failure> {
        let text = self.document.to_string();
        read_callers(&self.path.display().to_string(), &text)?;
        let new = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let write = |mut file: File| {
            if let Ok(before) = fs::metadata(&self.path) {
                file.set_permissions(before.permissions())?;
            }
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &self.path)
        };
        options.open(&new).and_then(write).map_err(|error| {
            Failure::Failed(format!("{} cannot be written: {error}", self.path.display()))
        })
    }
}

impl KnownBy {
    /// Writes the credentials to a caller's table, and returns whether there were any.
    fn write(self, caller: &mut Table) -> bool {
        let Self { issuer, subject, client, certificate } = self;
        let is_known = issuer.is_some() || certificate.is_some();
        if let Some(issuer) = issuer {
            let mut jwt = InlineTable::new();
            let claims = [("issuer", Some(issuer)), ("subject", subject), ("client", client)];
            for (key, claim) in claims {
                jwt.extend(claim.map(|claim| (key, claim)));
            }
            caller.insert("jwt", value(jwt));
        }
        if let Some(certificate) = certificate {
            caller.insert("certificate", value(certificate));
        }
        is_known
    }
}

/// The credentials of a caller, without hashes: `2 tokens and a certificate`.
fn known_by(caller: &Table) -> String {
    let tokens = match texts(caller, "token_sha256").len() {
        0 => None,
        1 => Some("1 token".to_owned()),
        more => Some(format!("{more} tokens")),
    };
    let issuer = caller.get("jwt").and_then(|jwt| jwt.get("issuer")).and_then(Item::as_str);
    let certificate = match caller.get("certificate").and_then(Item::as_str) {
        Some(name) => Some(format!("certificate of {name}")),
        None => caller.get("certificate_sha256").map(|_| "certificate".to_owned()),
    };
    let token = [tokens, issuer.map(|issuer| format!("JWT of {issuer}"))];
    let token = token.into_iter().flatten().collect::<Vec<_>>().join(" or ");
    let all = [Some(token).filter(|token| !token.is_empty()), certificate];
    all.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

fn no_token(name: &str) -> Failure {
    Failure::Failed(format!(
        "{name} has no token of ours: `throughline caller list` shows what it is known by"
    ))
}

/// A token and its hash.
fn new_token() -> (String, String) {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let token = hex(&Clock::System.new_key());
    let hash = hex(&Sha256::digest(&token));
    (token, hash)
}

fn text<'a>(caller: &'a Table, key: &str) -> &'a str {
    caller.get(key).and_then(Item::as_str).unwrap_or_default()
}

/// The texts of a list, or the single text itself; of hashes the older one first.
fn texts(caller: &Table, key: &str) -> Vec<String> {
    match caller.get(key) {
        None => Vec::new(),
        Some(Item::Value(toml_edit::Value::Array(all))) => {
            all.iter().filter_map(|one| one.as_str()).map(str::to_owned).collect()
        }
        Some(_) => vec![text(caller, key).to_owned()],
    }
}
