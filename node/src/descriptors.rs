//! File descriptors: as many as the node may have, and never all of them for connections.
//!
//! A node that can't open a file can't write a snapshot, and leaves for it. So clients are given only what is left when the node's own
//! files and its peers have theirs: strangers who hold connections open can keep buyers out, and not stop the node.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::config::HttpSection;
use crate::limits::{MAX_REFUSALS_IN_FLIGHT, OWN_DESCRIPTORS};

/// How many connections the listeners may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) api: usize,
    pub(crate) admin: usize,
    /// Of each listener: connections that are told that there is no place.
    pub(crate) refusals: usize,
}

/// Raises the process's bound on open files as far as it may be raised, and shares it out. Tells when that is less than
/// was configured.
pub(crate) fn share_out(http: &HttpSection) -> Share {
    let limit = raise();
    let share = share(limit, http.max_connections as usize, http.max_admin_connections as usize);
    if share.api < http.max_connections as usize || share.admin < http.max_admin_connections as usize {
        tracing::warn!(
            open_files = limit,
            connections = share.api,
            admin_connections = share.admin,
            "the bound on open files allows fewer connections than configured: raise it (LimitNOFILE, ulimit -n)"
        );
    }
    share
}

/// Raises the process's bound on open files as far as it may be raised; gives the bound.
pub(crate) fn raise() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let before = limit.current;
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the bound on open files stays as it is");
            limit.current = before;
        }
    }
    // None is no bound.
    limit.current.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX))
}

fn share(limit: usize, api: usize, admin: usize) -> Share {
    let room = limit - OWN_DESCRIPTORS.min(limit / 2);
    let refusals = MAX_REFUSALS_IN_FLIGHT.min(room / 8).max(1);
    let admin = admin.min(room / 8).max(1);
    Share { api: api.min(room.saturating_sub(2 * refusals + admin)).max(1), admin, refusals }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_files_are_plenty_the_configuration_counts() {
        let all = Share { api: 16_384, admin: 256, refusals: MAX_REFUSALS_IN_FLIGHT };
        assert_eq!(share(1 << 20, 16_384, 256), all);
        assert_eq!(share(usize::MAX, 16_384, 256), all);
    }

    #[test]
    fn a_node_keeps_its_own_of_however_few() {
        for limit in 20..5_000 {
            let Share { api, admin, refusals } = share(limit, 16_384, 256);
            let own = limit - (api + admin + 2 * refusals);
            assert!(own >= OWN_DESCRIPTORS.min(limit / 2) && api > 0 && admin > 0, "{limit}: {own} of its own, {api} and {admin}");
        }
        assert_eq!(share(160, 16_384, 256), Share { api: 50, admin: 10, refusals: 10 });
    }
}
