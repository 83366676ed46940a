//! Other users of the machine.

/// A user who has no process.
pub const OTHER: u32 = 54_321;

/// Whether this process can become another user: root can, but not the root of a user namespace that has no other users, such as
/// `unshare -r` makes.
#[must_use]
pub fn can_become_others() -> bool {
    let has_other = |map: String| {
        map.lines().any(|line| {
            let numbers: Vec<u32> =
                line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
            let [first, _, count] = numbers[..] else { return false };
            OTHER.checked_sub(first).is_some_and(|place| place < count)
        })
    };
    // Systems without the file have no such namespaces.
    let maps = ["uid_map", "gid_map"].map(|name| std::fs::read_to_string(format!("/proc/self/{name}")));
    rustix::process::geteuid().is_root() && maps.into_iter().all(|map| map.map_or(true, has_other))
}
