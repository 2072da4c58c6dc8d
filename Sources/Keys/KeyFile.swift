import Foundation
public import ZeroMQ

/// One key of a fleet, as `faultline keygen` wrote it: whose it is, both halves, and the coordinator's public half.
public struct KeyFile: Sendable, Equatable {
    /// Names the fleet; files of different fleets do not go together.
    public var fleet: String
    public var role: KeyRole
    /// Unique in the fleet, and the file's name without `.key`.
    public var name: String
    public var pair: CurveKeyPair
    /// The coordinator's public key.
    public var server: String
    /// The last day on which it holds; `nil`: for good.
    public var expires: String?

    /// - Throws: `KeyError` where it is missing, readable by others, damaged, expired, or of another role.
    public init(contentsOf path: String, role: KeyRole, now: Double? = nil) throws(KeyError) {
        try self.init(contentsOf: path)
        guard self.role == role else {
            throw KeyError(path, "this is \(self.role.owner) key; \(Self.wanted(role))")
        }
        if let expires, let end = Day.end(of: expires), now ?? Day.now >= end {
            throw KeyError(path, "the key \(name) expired on \(expires); make a new one with faultline keygen")
        }
    }

    /// Without regard to role and expiry.
    /// - Throws: `KeyError` where it cannot be read, others than its owner can read it, or it is damaged.
    package init(contentsOf path: String) throws(KeyError) {
        let data = try SecretFile.read(path, isSecret: true)
        guard let stored = try? JSONDecoder().decode(Stored.self, from: data) else {
            throw KeyError(path, "is no key file of faultline keygen, or damaged")
        }
        guard let pair = CurveKeyPair(secretKey: stored.secret), pair.publicKey == stored.public,
            Z85.isKey(stored.server), KeyName.isValid(stored.name)
        else { throw KeyError(path, "is damaged: its keys do not fit together; take the original again") }
        if let expires = stored.expires, Day.end(of: expires) == nil {
            throw KeyError(path, "is damaged: \"expires\" is not a day such as 2027-01-31")
        }
        (fleet, role, name) = (stored.fleet, stored.role, stored.name)
        (self.pair, server, expires) = (pair, stored.server, stored.expires)
    }

    package init(
        fleet: String, role: KeyRole, name: String, pair: CurveKeyPair, server: String, expires: String?
    ) {
        (self.fleet, self.role, self.name) = (fleet, role, name)
        (self.pair, self.server, self.expires) = (pair, server, expires)
    }

    /// Never replaces a file.
    /// - Throws: `KeyError` where there is a file already, or it cannot be written.
    package func write(to path: String) throws(KeyError) {
        let stored = Stored(
            fleet: fleet, role: role, name: name, public: pair.publicKey, secret: pair.secretKey, server: server,
            expires: expires)
        try SecretFile.create(path, Self.encoded(stored, path))
    }

    static func encoded(_ value: some Encodable, _ path: String) throws(KeyError) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { throw KeyError(path, "cannot be written as JSON") }
        return data + Data("\n".utf8)
    }

    private static func wanted(_ role: KeyRole) -> String {
        switch role {
        case .coordinator: "faultline needs coordinator.key"
        case .worker: "a worker needs one of the worker-….key files"
        case .viewer: "a viewer needs viewer.key"
        }
    }

    private struct Stored: Codable {
        var fleet: String
        var role: KeyRole
        var name: String
        var `public`: String
        var secret: String
        var server: String
        var expires: String?

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(fleet, forKey: .fleet)
            try container.encode(role, forKey: .role)
            try container.encode(name, forKey: .name)
            try container.encode(self.public, forKey: .public)
            try container.encode(secret, forKey: .secret)
            try container.encode(server, forKey: .server)
            // Also where it is null.
            try container.encode(expires, forKey: .expires)
        }
    }
}

/// Names of keys: parts of file names and of log lines.
package enum KeyName {
    package static func isValid(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count) && !name.hasPrefix(".") && !name.hasPrefix("-")
            && name.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
