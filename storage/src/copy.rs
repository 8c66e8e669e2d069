//! A copy of a stopped node's directory, to be looked at: what opens a database also mends it, and the original stays as it is.

use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::{DataDir, OpenError, OpenMode};

impl DataDir {
    /// Copies the directory of a stopped node from `from` to `to`, which does not exist yet, and opens the copy. Of the original
    /// nothing is made or changed; another process can't take it meanwhile. Refuses what holds no node's data. Takes as much
    /// room as the original, unless the file system shares blocks. Blocks.
    pub fn copy(from: &Path, to: &Path) -> Result<DataDir, OpenError> {
        if !from.is_dir() {
            return Err(OpenError::Absent(from.to_owned()));
        }
        let _lock = lock_if_there(from)?;
        let has_parts = ["log", "orders", "snapshots", "peers"].iter().any(|part| from.join(part).exists());
        if !from.join("identity").exists() && !has_parts {
            return Err(OpenError::NoData(from.to_owned()));
        }
        copy_dir(from, to).map_err(OpenError::io(from))?;
        let copy = DataDir::open(to, OpenMode::Existing)?;
        copy.refuse_missing_part()?;
        Ok(copy)
    }
}

/// Every start makes the file: where there is none, nobody has the directory.
fn lock_if_there(dir: &Path) -> Result<Option<File>, OpenError> {
    let path = dir.join("lock");
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(OpenError::io(&path))?,
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
    }
}

fn copy_dir(from: &Path, to: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::SystemTime;

    use holdfast_inventory::NodeId;

    use super::*;
    use crate::{ClusterId, Roster};

    fn listing(dir: &Path) -> BTreeMap<String, (u64, SystemTime)> {
        let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
        entries
            .flat_map(|entry| {
                let meta = entry.metadata().unwrap();
                let name = entry.file_name().into_string().unwrap();
                let inner = if meta.is_dir() { listing(&entry.path()) } else { BTreeMap::new() };
                let inner: Vec<_> = inner.into_iter().map(|(below, what)| (format!("{name}/{below}"), what)).collect();
                inner.into_iter().chain([(name, (meta.len(), meta.modified().unwrap()))])
            })
            .collect()
    }

    #[test]
    fn looking_at_a_copy_leaves_the_original_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data");
        let dir = DataDir::open(&path, OpenMode::Create).unwrap();
        dir.start(NodeId(1)).unwrap();
        drop(dir.log().unwrap());
        assert!(matches!(DataDir::copy(&path, &root.path().join("copy-1")), Err(OpenError::InUse(_))));
        drop(dir);
        let before = listing(&path);
        let copy = DataDir::copy(&path, &root.path().join("copy-2")).unwrap();
        drop((copy.log().unwrap(), copy.orders().unwrap(), copy.snapshots().unwrap()));
        assert_eq!(copy.peek().unwrap().unwrap().node, NodeId(1));
        assert_eq!(listing(&path), before);
    }

    #[test]
    fn what_holds_no_data_is_refused_and_stays_empty() {
        let root = tempfile::tempdir().unwrap();
        let empty = root.path().join("empty");
        std::fs::create_dir(&empty).unwrap();
        for path in [&empty, &root.path().join("absent")] {
            assert!(DataDir::copy(path, &root.path().join("copy")).unwrap_err().refused());
        }
        assert_eq!(listing(root.path()).len(), 1, "nothing was made");
        std::fs::create_dir(empty.join("log")).unwrap();
        assert!(!DataDir::copy(&empty, &root.path().join("copy")).unwrap_err().refused(), "an identity was lost");
    }

    #[test]
    fn a_member_whose_log_is_gone_is_not_opened_and_one_without_orders_not_copied() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data");
        let dir = DataDir::open(&path, OpenMode::Create).unwrap();
        let mut identity = dir.start(NodeId(1)).unwrap();
        let roster = Roster { cluster: ClusterId(5), members: [(NodeId(1), identity.disk)].into() };
        dir.set_roster(&mut identity, roster).unwrap();
        drop(dir);
        std::fs::remove_dir(path.join("orders")).unwrap();
        drop(DataDir::open(&path, OpenMode::Existing).unwrap());
        assert!(matches!(DataDir::copy(&path, &root.path().join("copy")), Err(OpenError::PartGone(_))));
        std::fs::remove_dir(path.join("log")).unwrap();
        assert!(matches!(DataDir::open(&path, OpenMode::Existing), Err(OpenError::LogDamaged { .. })));
    }
}
