//! `sh0-agent explain`: what a code means, and what to do.

use anyhow::anyhow;
use clap::Args;

use super::{Exit, Failed, print};
use crate::diagnostic::Code;

/// What `explain` takes.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code, such as E001; without it all are listed
    #[arg(value_name = "CODE")]
    what: Option<String>,
}

/// Prints the long text of a code, or the list of all.
pub(crate) fn explain(args: &ExplainArgs) -> Result<(), Failed> {
    let Some(what) = &args.what else {
        return print(&Code::list());
    };
    let code = Code::find(what).ok_or_else(|| unknown(what))?;
    print(&code.explained())
}

fn unknown(what: &str) -> Failed {
    let nearest = match Code::nearest(what) {
        Some(code) => format!("did you mean `{code}`? "),
        None => String::new(),
    };
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.id()).collect();
    let help = format!("{nearest}the codes are {}", codes.join(", "));
    Failed::new(Exit::Usage, anyhow!("there is no code `{what}`"), help)
}
