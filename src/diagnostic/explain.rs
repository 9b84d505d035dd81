//! Shows what a code means to a person on a terminal.

use super::{Code, Severity};

impl Severity {
    /// The word before a finding.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl Code {
    /// A headline and the long text; examples are set in, without their fences.
    #[must_use]
    pub fn explained(self) -> String {
        let mut shown = format!("{}[{self}]: {}\n\n", self.severity().as_str(), self.title());
        let mut is_example = false;
        for line in self.long().lines() {
            if line.starts_with("```") {
                is_example = !is_example;
                continue;
            }
            if is_example {
                shown.push_str("    ");
            }
            shown.push_str(line);
            shown.push('\n');
        }
        shown
    }

    /// All codes, one on a line.
    #[must_use]
    pub fn list() -> String {
        let line = |code: &Self| {
            let severity = code.severity().as_str();
            format!("{code}  {severity:7}  {}\n", code.title())
        };
        Self::ALL.iter().map(line).collect()
    }
}
