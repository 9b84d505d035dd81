//! Which compose files a command reads, and the environment that they are read in.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;

use super::{Exit, Failed};
use crate::compose::{Loaded, Options, Variables, load};

/// The names that compose looks for, the first first.
const USUAL: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];
/// The names of files that compose lays over those.
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];
/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How compose files are read, as flags.
#[derive(Debug, Args)]
pub(crate) struct ProjectArgs {
    /// Name of the project, as with docker compose
    #[arg(short = 'p', long, value_name = "NAME")]
    project_name: Option<String>,
    /// File of variables, in place of .env beside the compose file; may be given several times
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
}

/// The files of one project, in the order in which they are laid over each other.
pub(crate) type Files = Vec<PathBuf>;

/// Files, read once: standard input cannot be read again.
pub(crate) struct Reader {
    stdin: Option<String>,
}

impl Reader {
    /// A reader that has standard input where one of the files is `-`.
    pub(crate) fn new(files: &[PathBuf]) -> Result<Self, Failed> {
        let is_asked_for = files.iter().any(|file| is_stdin(file));
        let stdin = is_asked_for
            .then(|| text(&mut std::io::stdin()))
            .transpose();
        let stdin = stdin.map_err(|error| {
            let error = anyhow!("cannot read standard input: {}", why(&error));
            Failed::new(Exit::Usage, error, "give it a compose file")
        })?;
        Ok(Self { stdin })
    }

    /// The text of a file.
    pub(crate) fn read(&self, path: &Path) -> Result<String, String> {
        if let Some(stdin) = self.stdin.as_ref().filter(|_| is_stdin(path)) {
            return Ok(stdin.clone());
        }
        let opened = std::fs::File::open(path);
        opened
            .and_then(|mut file| text(&mut file))
            .map_err(|error| why(&error))
    }

    /// The text of a file that was named on the command line.
    pub(crate) fn named(&self, path: &Path) -> Result<String, Failed> {
        self.read(path).map_err(|why| {
            let error = anyhow!("cannot read `{}`: {why}", path.display());
            Failed::new(
                Exit::Usage,
                error,
                "name a compose file, or a file of labels in JSON",
            )
        })
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn text(file: &mut impl Read) -> Result<String, Error> {
    let mut text = String::new();
    let mut some = file.take(FILE_BYTES_MAX + 1);
    some.read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(Error::other("it is larger than 16 MiB"));
    }
    // A mark of the byte order is no part of the text.
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text))
}

fn why(error: &Error) -> String {
    if error.kind() == ErrorKind::NotFound {
        "it is not there".to_owned()
    } else if error.kind() == ErrorKind::InvalidData {
        "it is not UTF-8".to_owned()
    } else {
        error.to_string()
    }
}

impl ProjectArgs {
    /// Reads a project from these files.
    pub(crate) fn load(&self, files: &Files, reader: &Reader) -> Loaded {
        let first = files.first().map_or(Path::new(""), PathBuf::as_path);
        let directory = first.parent().unwrap_or(Path::new("")).to_owned();
        let whole = if directory.as_os_str().is_empty() {
            std::env::current_dir()
        } else {
            std::fs::canonicalize(&directory)
        };
        let name = whole
            .ok()
            .and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
        let options = Options {
            variables: environment(),
            env_files: self.env_file.clone(),
            name: self.project_name.clone(),
            directory,
            directory_name: name.unwrap_or_default(),
        };
        load(files, &options, &|path| reader.read(path))
    }
}

/// The environment, as far as it is text.
pub(crate) fn environment() -> Variables {
    let all = std::env::vars_os();
    let texts =
        all.filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
    texts.collect::<BTreeMap<_, _>>()
}

/// The projects that these files are, each with its files: a file is one of its own, but an
/// override is laid over the file that it belongs to, as compose does it.
pub(crate) fn projects(files: &[PathBuf]) -> Vec<Files> {
    let mut projects: Vec<Files> = Vec::new();
    for file in files {
        let project = with_override(file);
        if !projects.contains(&project) {
            projects.push(project);
        }
    }
    projects
}

/// The file with its override, or the override with its file.
fn with_override(file: &Path) -> Files {
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let is_there = |name: &&str| file.with_file_name(name).is_file();
    let partner = |names: [&'static str; 4]| names.into_iter().find(|name| is_there(name));
    let (below, above) = if USUAL.contains(&name) {
        (None, partner(OVERRIDES))
    } else if OVERRIDES.contains(&name) {
        (partner(USUAL), None)
    } else {
        (None, None)
    };
    let beside = |name: &str| file.with_file_name(name);
    let below = below.map(beside).into_iter();
    below
        .chain([file.to_owned()])
        .chain(above.map(beside))
        .collect()
}

/// The files that compose would take without any being named: those of `COMPOSE_FILE`, or the usual
/// ones of this folder or of the nearest above it.
pub(crate) fn usual() -> Result<Files, Failed> {
    if let Some(named) = std::env::var_os("COMPOSE_FILE").filter(|named| !named.is_empty()) {
        return Ok(std::env::split_paths(&named).collect());
    }
    let here = std::env::current_dir().unwrap_or_default();
    let mut folder = PathBuf::new();
    for _ in here.ancestors() {
        let found = USUAL
            .iter()
            .map(|name| folder.join(name))
            .find(|file| file.is_file());
        if let Some(found) = found {
            return Ok(with_override(&found));
        }
        folder.push("..");
    }
    let error = anyhow!("there is no compose file in this folder or above it");
    let help = format!(
        "name one; {} are looked for",
        USUAL.map(|name| format!("`{name}`")).join(", ")
    );
    Err(Failed::new(Exit::Usage, error, help))
}
