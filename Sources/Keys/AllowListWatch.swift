import Tensors

/// Notices that `allowed.json` was changed. Used by one thread or queue.
package final class AllowListWatch: @unchecked Sendable {
    private struct Stamp: Equatable {
        var inode: UInt64
        /// Nanoseconds since 1970.
        var modified: Int
        /// Bytes.
        var size: Int
    }
    private let path: String
    private var last: Stamp?

    package init(_ path: String) { self.path = path }

    /// - Returns: the new list, or why it cannot be read; `nil` where nothing changed since the last call.
    package func changed() -> Result<AllowList, KeyError>? {
        let stamp = FileIdentity(path: path).map { Stamp(inode: $0.inode, modified: $0.modified, size: $0.size) }
        guard stamp != last else { return nil }
        last = stamp
        do throws(KeyError) { return .success(try AllowList(contentsOf: path)) } catch { return .failure(error) }
    }
}
