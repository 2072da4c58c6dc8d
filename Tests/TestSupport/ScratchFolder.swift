import Foundation

/// A new folder for one test, removed with its last reference.
public final class ScratchFolder: Sendable {
    public let path: String

    public init() throws {
        path = NSTemporaryDirectory() + "faultline-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    public func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes the bytes to a file of that name and answers its path.
    @discardableResult public func write(_ bytes: [UInt8], _ name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }

    public func contents() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
}
