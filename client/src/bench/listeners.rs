//! Which processes of this machine listen on an address: the nodes, if they run beside the generator.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;

/// Ids of the processes that listen on one of `addresses`, as far as they are of this machine and may be looked at.
pub(super) fn processes(addresses: &[SocketAddr]) -> Vec<u32> {
    let ports: BTreeSet<u16> = addresses.iter().filter(|address| address.ip().is_loopback()).map(SocketAddr::port).collect();
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let sockets: BTreeSet<String> =
        tables.iter().flat_map(|table| listening(table, &ports)).map(|inode| format!("socket:[{inode}]")).collect();
    if sockets.is_empty() {
        return Vec::new();
    }
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|pid| has_one_of(*pid, &sockets)).collect()
}

fn has_one_of(pid: u32, sockets: &BTreeSet<String>) -> bool {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files.filter_map(|file| fs::read_link(file.path()).ok()).any(|target| target.to_str().is_some_and(|target| sockets.contains(target)))
}

/// Inodes of sockets that listen on one of `ports`, of the kernel's table.
fn listening<'a>(table: &'a str, ports: &BTreeSet<u16>) -> Vec<&'a str> {
    const LISTENS: &str = "0A";
    let rows = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
        (*state == LISTENS && ports.contains(&port)).then_some(*inode)
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_socket_is_found_by_its_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1BC6 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n\
             1: 0100007F:1BC6 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1\n";
        assert_eq!(listening(table, &BTreeSet::from([7110])), ["4711"]);
        assert!(listening(table, &BTreeSet::from([7111])).is_empty());
    }

    #[test]
    fn this_process_is_found_by_what_it_listens_on() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(processes(&[listener.local_addr().unwrap()]), [std::process::id()]);
    }
}
