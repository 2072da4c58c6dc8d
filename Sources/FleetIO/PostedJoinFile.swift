import Foundation
import Protocol
import Scheduling
import Tensors

/// The join file of a running coordinator: complete from the moment it has its name, readable by its owner only.
package final class PostedJoinFile: Sendable {
    private let path: String
    private let bytes: [UInt8]

    /// - Parameter bound: the endpoint the socket is really bound to.
    /// - Throws: `FleetError` where it cannot be written.
    package init(path: String, bound: String, addresses: [NetworkAddress] = NetworkAddress.all()) throws {
        var endpoints = NetworkAddress.endpoints(bound: bound, of: addresses)
        guard !endpoints.isEmpty else {
            throw FleetError("--join-file \(path): no network interface is up, so no worker could reach \(bound)")
        }
        endpoints = Array(endpoints.prefix(JoinFile.maximumEndpoints))
        self.path = path
        bytes = try JoinFile(
            endpoints: endpoints, host: Self.hostName, pid: getpid(),
            time: Date.now.formatted(.iso8601)
        ).encoded()
        do {
            let file = try AtomicFile(path: path, mode: 0o600)
            try file.write(bytes)
            try file.commit()
        } catch { throw FleetError("--join-file \(error)", isUsage: true) }
    }

    /// As the kernel knows it; Foundation's asks the resolver.
    private static var hostName: String {
        var text = [CChar](repeating: 0, count: 256)
        gethostname(&text, 255)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes the file, unless a later coordinator has put its own there.
    package func remove() {
        guard let now = try? Files.bytes(path), now == bytes else { return }
        Files.removeFile(path)
    }
}
