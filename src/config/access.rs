//! What somebody may do: the roles of the HTTP interface.

use std::fmt;

/// A part of what can be done over the HTTP interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// See and ask everything; change nothing.
    Read,
    /// Hand in samples and alerts, and nothing else.
    Write,
    /// What `Read` may, and answer to alerts: silences, acknowledgements.
    Respond,
    /// Everything.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 4] = [Role::Read, Role::Write, Role::Respond, Role::Admin];

    /// The name, as it stands in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Write => "write",
            Role::Respond => "respond",
            Role::Admin => "admin",
        }
    }

    /// The role of the name `text`.
    pub fn parse(text: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == text)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Several roles, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Roles(u8);

impl Roles {
    /// None: nothing may be done.
    pub const NONE: Roles = Roles(0);

    /// Whether what `role` stands for may be done.
    pub fn allow(self, role: Role) -> bool {
        let has = |role: Role| self.0 & role.bit() != 0;
        has(role) || has(Role::Admin) || role == Role::Read && has(Role::Respond)
    }

    /// Whether nothing may be done.
    pub fn is_empty(self) -> bool {
        self == Roles::NONE
    }
}

impl From<Role> for Roles {
    fn from(role: Role) -> Self {
        Roles(role.bit())
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<T: IntoIterator<Item = Role>>(roles: T) -> Self {
        Roles(roles.into_iter().fold(0, |bits, role| bits | role.bit()))
    }
}

impl fmt::Display for Roles {
    /// `read, write`, or `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            Role::ALL.into_iter().filter(|role| self.0 & role.bit() != 0).map(Role::as_str).collect();
        f.write_str(if names.is_empty() { "none" } else { "" })?;
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_roles_allow() {
        for (roles, allowed, shown) in [
            (vec![], vec![], "none"),
            (vec![Role::Read], vec![Role::Read], "read"),
            (vec![Role::Write], vec![Role::Write], "write"),
            (vec![Role::Write, Role::Read], vec![Role::Read, Role::Write], "read, write"),
            (vec![Role::Respond], vec![Role::Read, Role::Respond], "respond"),
            (vec![Role::Admin], Role::ALL.to_vec(), "admin"),
        ] {
            let roles: Roles = roles.into_iter().collect();
            let found: Vec<Role> = Role::ALL.into_iter().filter(|role| roles.allow(*role)).collect();
            assert_eq!((found, roles.to_string().as_str(), roles.is_empty()), (allowed, shown, shown == "none"));
        }
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("Admin"), None);
    }
}
