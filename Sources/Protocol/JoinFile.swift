import Foundation

/// How workers find a coordinator that has no fixed address: a small JSON file that it writes and they read, usually on a
/// shared file system.
public struct JoinFile: Codable, Sendable, Equatable {
    public struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
        public var description: String
    }

    /// Raised with every change that an older worker would misread.
    public static let format = 1
    /// Longer files are none of ours.
    public static let maximumBytes = 64 << 10
    public static let maximumEndpoints = 256

    public var faultlineJoinFile = Self.format
    /// Where the coordinator may be reached, in the order to try.
    public var endpoints: [String]
    public var host: String
    public var pid: Int32
    /// When it was written: ISO 8601, UTC.
    public var time: String

    public init(endpoints: [String], host: String, pid: Int32, time: String) {
        self.endpoints = endpoints
        self.host = host
        self.pid = pid
        self.time = time
    }

    /// The file's bytes.
    /// - Throws: `EncodingError` where JSON cannot hold it.
    public func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try Array(encoder.encode(self)) + [UInt8(ascii: "\n")]
    }

    /// - Parameter source: the file's name, for errors.
    /// - Throws: `Fault`, one line, where this is no join file or one of another format.
    public init(parsing bytes: [UInt8], source: String) throws(Fault) {
        func fault(_ words: String) -> Fault { Fault(description: "\(source): not a usable join file: \(words)") }
        guard bytes.count <= Self.maximumBytes else { throw fault("it is longer than \(Self.maximumBytes) bytes") }
        struct Head: Codable { var faultlineJoinFile: Int }
        guard let head = try? JSONDecoder().decode(Head.self, from: Data(bytes)) else {
            throw fault("it has no faultlineJoinFile number; write it with faultline --listen … --join-file")
        }
        guard head.faultlineJoinFile == Self.format else {
            throw fault(
                "format \(head.faultlineJoinFile) meets format \(Self.format): use faultline and faultline-worker of the same release"
            )
        }
        do { self = try JSONDecoder().decode(JoinFile.self, from: Data(bytes)) } catch {
            throw fault("endpoints, host, pid or time is missing or of the wrong type")
        }
        guard !endpoints.isEmpty, endpoints.count <= Self.maximumEndpoints else {
            throw fault("it names \(endpoints.count) endpoints, and 1 to \(Self.maximumEndpoints) are allowed")
        }
        for endpoint in endpoints {
            guard endpoint.hasPrefix("ipc://") || (try? Endpoint.checked(endpoint, insecure: true)) == endpoint,
                !endpoint.hasSuffix(":0"), !endpoint.hasSuffix("*")
            else { throw fault("\(endpoint.prefix(200)) is no address with a port") }
        }
    }
}
