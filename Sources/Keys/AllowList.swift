import Foundation
import Tensors
import ZeroMQ

/// Who may connect to a coordinator: `allowed.json`, beside `coordinator.key`. It holds no secrets.
public struct AllowList: Sendable, Equatable, Codable {
    public struct Entry: Sendable, Equatable, Codable {
        public var name: String
        public var role: KeyRole
        public var `public`: String
        /// The last day on which it holds.
        public var expires: String?
        /// The day on which it was revoked.
        public var revoked: String?

        /// - Throws: `Refusal` where it may not act in that role now.
        package func admitted(as role: KeyRole, now: Double) throws(Refusal) -> Entry {
            if let revoked { throw .revoked(name: name, day: revoked) }
            if let expires, Day.end(of: expires).map({ now >= $0 }) ?? true {
                throw .expired(name: name, day: expires)
            }
            guard self.role == role else { throw .wrongRole(name: name, self.role, wanted: role) }
            return self
        }
    }

    public var fleet: String
    public var keys: [Entry]

    /// Why a key is not let in, for the coordinator's log.
    public enum Refusal: Error, Sendable, Equatable, CustomStringConvertible {
        case unknown(publicKey: String)
        case revoked(name: String, day: String)
        case expired(name: String, day: String)
        case wrongRole(name: String, KeyRole, wanted: KeyRole)

        public var description: String {
            switch self {
            case .unknown(let key): "unknown key \(key.prefix(8))… (not in allowed.json)"
            case .revoked(let name, let day): "the key \(name) was revoked on \(day)"
            case .expired(let name, let day): "the key \(name) expired on \(day)"
            case .wrongRole(let name, let role, let wanted):
                "the key \(name) is \(role.owner), and was used as \(wanted.owner)"
            }
        }
    }

    package init(fleet: String, keys: [Entry] = []) {
        self.fleet = fleet
        self.keys = keys
    }

    /// - Throws: `KeyError` where it is missing, writable by others, or damaged.
    public init(contentsOf path: String) throws(KeyError) {
        let data = try SecretFile.read(path, isSecret: false)
        guard let list = try? JSONDecoder().decode(AllowList.self, from: data) else {
            throw KeyError(path, "is no allow list of faultline keygen, or damaged")
        }
        for entry in list.keys {
            guard Z85.isKey(entry.public), KeyName.isValid(entry.name),
                [entry.expires, entry.revoked].allSatisfy({ $0.map { Day.end(of: $0) != nil } ?? true })
            else { throw KeyError(path, "is damaged at the key \"\(entry.name.prefix(64))\"") }
        }
        guard Set(list.keys.map(\.name)).count == list.keys.count,
            Set(list.keys.map(\.public)).count == list.keys.count
        else { throw KeyError(path, "is damaged: a key stands there twice") }
        self = list
    }

    /// Replaces the file at once.
    /// - Throws: `KeyError` where it cannot be encoded or written.
    package func write(to path: String) throws(KeyError) {
        let data = try KeyFile.encoded(self, path)
        do throws(TensorFileError) {
            let file = try AtomicFile(path: path)
            try file.write([UInt8](data))
            try file.commit()
        } catch { throw KeyError(path, error.fault) }
    }

    /// Whether the owner of this key may act in that role now.
    /// - Throws: `Refusal`.
    public func admit(_ publicKey: String, as role: KeyRole, now: Double) throws(Refusal) -> Entry {
        guard let entry = keys.first(where: { $0.public == publicKey }) else { throw .unknown(publicKey: publicKey) }
        return try entry.admitted(as: role, now: now)
    }
}
