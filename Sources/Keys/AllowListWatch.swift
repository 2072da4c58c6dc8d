import Foundation

/// Notices that `allowed.json` was changed. Used by one thread or queue.
package final class AllowListWatch: @unchecked Sendable {
    private struct Stamp: Equatable {
        var inode: ino_t
        var seconds: Int
        var nanoseconds: Int
        var size: off_t
    }
    private let path: String
    private var last: Stamp?

    package init(_ path: String) { self.path = path }

    /// - Returns: the new list, or why it cannot be read; `nil` where nothing changed since the last call.
    package func changed() -> Result<AllowList, KeyError>? {
        var status = stat()
        let found = stat(path, &status) == 0
        let stamp =
            found
            ? Stamp(
                inode: status.st_ino, seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec,
                size: status.st_size) : nil
        guard stamp != last else { return nil }
        last = stamp
        do throws(KeyError) { return .success(try AllowList(contentsOf: path)) } catch { return .failure(error) }
    }
}
