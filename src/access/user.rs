//! The user that Caddy runs as: what a person writes, and the numbers it stands for.
//!
//! Deliberately knows only the users of `/etc/passwd` and `/etc/group`; others are named by numbers.

use std::fmt;
use std::str::FromStr;

/// A user and its group, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub uid: u32,
    /// That of its one group.
    pub gid: u32,
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
}

/// A user, and perhaps a group, as written: `caddy`, `998`, `caddy:web` or `998:998`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName {
    user: String,
    group: Option<String>,
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.user)?;
        match &self.group {
            Some(group) => write!(f, ":{group}"),
            None => Ok(()),
        }
    }
}

impl FromStr for UserName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let is_char = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let is_name =
            |part: &str| !part.is_empty() && !part.starts_with('-') && part.chars().all(is_char);
        if [Some(user), group].into_iter().flatten().all(is_name) {
            return Ok(Self {
                user: user.to_owned(),
                group: group.map(str::to_owned),
            });
        }
        Err("expected a user such as `caddy`, `998`, `caddy:web` or `998:998`".to_owned())
    }
}

/// Why Caddy cannot run as this user.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// No such user.
    #[error("there is no user `{user}` in `/etc/passwd`")]
    NoUser {
        /// What was written.
        user: String,
    },
    /// No such group.
    #[error("there is no group `{group}` in `/etc/group`")]
    NoGroup {
        /// What was written.
        group: String,
    },
    /// A number that `/etc/passwd` says nothing of, without a group.
    #[error("nothing says which group the user {uid} has")]
    GroupMissing {
        /// The number.
        uid: u32,
    },
    /// Root, or its group.
    #[error("expected another user and group than root's, found {user}")]
    Root {
        /// The numbers.
        user: User,
    },
    /// The group has the Docker socket.
    #[error("the group {gid} may use the Docker socket `{socket}`, and with it the whole machine")]
    DockerGroup {
        /// The number.
        gid: u32,
        /// Where.
        socket: String,
    },
    /// The agent is not root.
    #[error("only root can start Caddy as another user, and the agent is user {uid}")]
    NotRoot {
        /// Its number.
        uid: u32,
    },
    /// The program that changes the user is missing.
    #[error("there is no program `setpriv`, which starts Caddy as another user")]
    NoSetpriv,
    /// It cannot.
    #[error("`setpriv` cannot start Caddy as user {user}: {said}")]
    Setpriv {
        /// The numbers.
        user: User,
        /// Its words, on one line.
        said: String,
    },
    /// A folder on the way to ours is closed to the user.
    #[error("the user {user} cannot enter `{folder}`, which leads to the agent's folders")]
    Closed {
        /// The numbers.
        user: User,
        /// Which.
        folder: String,
    },
}

impl UserError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NoUser { user } => format!(
                "make it (`sudo useradd --system --no-create-home --shell /usr/sbin/nologin {user}`), \
                 or name another with `--caddy-user`"
            ),
            Self::NoGroup { group } => {
                format!("make it (`sudo groupadd --system {group}`), or name another")
            }
            Self::GroupMissing { uid } => format!("write both: `--caddy-user {uid}:{uid}`"),
            Self::Root { .. } => {
                "leave `--caddy-user` out to run Caddy as the agent's own user".to_owned()
            }
            Self::DockerGroup { .. } => {
                "name a group that is not Docker's, as in `--caddy-user caddy:caddy`".to_owned()
            }
            Self::NotRoot { .. } => {
                "start the agent as root, or leave `--caddy-user` out: Caddy then runs as this user"
                    .to_owned()
            }
            Self::NoSetpriv => {
                "install util-linux (`apt install util-linux`, `apk add setpriv`)".to_owned()
            }
            Self::Setpriv { .. } => {
                "use setpriv of util-linux 2.33 or newer (`apk add setpriv` on Alpine), and give the \
                 agent the capabilities SETUID, SETGID, SETPCAP and NET_BIND_SERVICE"
                    .to_owned()
            }
            Self::Closed { folder, .. } => format!(
                "open it (`sudo chmod o+x {folder}`), or choose other directories with \
                 `--runtime-dir` and `--state-dir`"
            ),
        }
    }
}

impl UserName {
    /// The numbers, by the texts of `/etc/passwd` and `/etc/group`.
    ///
    /// # Errors
    /// When there is no such user or group, or it is root's.
    pub fn resolve(&self, passwd: &str, groups: &str) -> Result<User, UserError> {
        let number = self.user.parse::<u32>().ok();
        let mut entries = passwd.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let uid: u32 = fields.nth(1)?.parse().ok()?;
            Some((name, uid, fields.next()?.parse::<u32>().ok()?))
        });
        let known = entries.find(|(name, uid, _)| match number {
            Some(number) => number == *uid,
            None => *name == self.user,
        });
        let uid = number.or(known.map(|(_, uid, _)| uid));
        let uid = uid.ok_or_else(|| UserError::NoUser {
            user: self.user.clone(),
        })?;
        let gid = match &self.group {
            Some(group) => group_number(group, groups)?,
            None => known.ok_or(UserError::GroupMissing { uid })?.2,
        };
        let user = User { uid, gid };
        // The last number is "no change" to the system's calls.
        let is_nobody = |id: u32| id == 0 || id == u32::MAX;
        if is_nobody(uid) || is_nobody(gid) {
            return Err(UserError::Root { user });
        }
        Ok(user)
    }
}

/// The name of a user by the text of `/etc/passwd`, for people; the number where it has none.
pub(super) fn name_in(passwd: &str, uid: u32) -> String {
    let named = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| uid.to_string())
}

fn group_number(group: &str, groups: &str) -> Result<u32, UserError> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let mut entries = groups.lines().filter_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == group).then_some(())?;
        fields.nth(1)?.parse().ok()
    });
    let found = entries.next();
    found.ok_or_else(|| UserError::NoGroup {
        group: group.to_owned(),
    })
}
