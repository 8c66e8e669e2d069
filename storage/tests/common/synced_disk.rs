//! A disk that remembers what was synced, so that its power can be cut at any moment without a machine to spare.
//!
//! It models the worst that a power cut may do to the data of files: of each one exactly what its last sync left is there. What
//! the file system does with names it does not model: that takes a real one, see `power_cut.rs`.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, Mutex};

use holdfast_storage::Syncer;

/// Content of each file, by inode, at its last sync.
#[derive(Clone, Default)]
pub struct SyncedDisk(Arc<Mutex<HashMap<u64, Vec<u8>>>>);

impl Syncer for SyncedDisk {
    fn sync(&self, file: &File) -> io::Result<()> {
        let about = file.metadata()?;
        let mut content = vec![0; about.len() as usize];
        file.read_exact_at(&mut content, 0)?;
        self.0.lock().unwrap().insert(about.ino(), content);
        Ok(())
    }
}

impl SyncedDisk {
    /// Takes all files below `dir` for synced as they are: a store has just been opened, and synced what it found.
    pub fn trust(&self, dir: &Path) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.trust(&path);
            } else {
                self.sync(&File::open(&path).unwrap()).unwrap();
            }
        }
    }

    /// Makes at `to` what a power cut now would leave of `from`. Files that no store syncs through this disk are small ones, which are
    /// synced before they get their name; but for the note of how far the log was seen, which may be lost.
    pub fn cut(&self, from: &Path, to: &Path) {
        std::fs::create_dir(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let (path, target) = (entry.path(), to.join(entry.file_name()));
            // What is gone by now, or has another name, is a segment that was made ahead and holds nothing.
            let Ok(about) = entry.metadata() else { continue };
            if about.is_dir() {
                self.cut(&path, &target);
            } else if let Some(content) = self.0.lock().unwrap().get(&about.ino()) {
                std::fs::write(&target, content).unwrap();
            } else if entry.file_name() != "seen" && path.exists() {
                std::fs::copy(&path, &target).unwrap();
            }
        }
    }
}
