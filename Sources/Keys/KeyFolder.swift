import Foundation
import Tensors
import ZeroMQ

/// The folder of a fleet's keys: makes them, adds to them, takes them off the list.
public struct KeyFolder: Sendable {
    public let path: String
    private var listPath: String { "\(path)/allowed.json" }
    private var coordinatorPath: String { "\(path)/coordinator.key" }

    public init(_ path: String) { self.path = path }

    /// Makes a fleet's keys, or adds workers to the fleet that is there.
    /// - Parameters:
    ///   - workers: how many, named `worker-1` and so on from the first free number; or `names`, which become `worker-NAME`.
    ///   - days: how long they hold; `nil`: for good.
    /// - Returns: the files made.
    /// - Throws: `KeyError`; then none was made.
    public func make(workers: Int?, names: [String], days: Int?, now: Double? = nil) throws(KeyError) -> [String] {
        try locked { () throws(KeyError) in try makeLocked(workers, names, days, now ?? Day.now) }
    }

    private func makeLocked(_ workers: Int?, _ names: [String], _ days: Int?, _ now: Double) throws(KeyError)
        -> [String]
    {
        let isNew = !exists(coordinatorPath)
        var list: AllowList
        var coordinator: KeyFile?
        if isNew {
            guard !exists(listPath) else {
                throw KeyError(listPath, "is there without coordinator.key; use another folder")
            }
            list = AllowList(fleet: String(UInt64.random(in: 0 ... .max), radix: 36))
        } else {
            guard workers != nil || !names.isEmpty else {
                throw KeyError(
                    path,
                    "holds a fleet's keys already, and keys are never overwritten; --workers or --names adds workers")
            }
            coordinator = try KeyFile(contentsOf: coordinatorPath)
            list = try AllowList(contentsOf: listPath)
            guard coordinator?.fleet == list.fleet else {
                throw KeyError(listPath, "belongs to another fleet than \(coordinatorPath)")
            }
        }
        let expires = days.map { Day.text(now + Double($0) * 86_400) }
        var wanted: [(name: String, role: KeyRole)] = isNew ? [("coordinator", .coordinator), ("viewer", .viewer)] : []
        for name in names {
            guard KeyName.isValid(name), KeyName.isValid("worker-\(name)") else {
                throw KeyError(
                    path, "a worker cannot be named \"\(name)\"; letters, digits, '.', '_' and '-' are allowed")
            }
            wanted.append(("worker-\(name)", .worker))
        }
        var number = 1
        for _ in 0..<(workers ?? (names.isEmpty ? 1 : 0)) {
            while list.keys.contains(where: { $0.name == "worker-\(number)" }) || exists(file("worker-\(number)")) {
                number += 1
            }
            wanted.append(("worker-\(number)", .worker))
            number += 1
        }
        for (index, key) in wanted.enumerated() {
            guard !wanted[..<index].contains(where: { $0.name == key.name }),
                !list.keys.contains(where: { $0.name == key.name }), !exists(file(key.name))
            else { throw KeyError(file(key.name), "exists already; keys are never overwritten") }
        }
        return try write(wanted, &list, coordinator, expires)
    }

    private func write(
        _ wanted: [(name: String, role: KeyRole)], _ list: inout AllowList, _ known: KeyFile?, _ expires: String?
    ) throws(KeyError) -> [String] {
        var made: [String] = []
        var server = known?.pair.publicKey
        do {
            for key in wanted {
                let pair = try CurveKeyPair.generate()
                if key.role == .coordinator { server = pair.publicKey }
                guard let server else { throw KeyError(coordinatorPath, "is missing") }
                try KeyFile(
                    fleet: list.fleet, role: key.role, name: key.name, pair: pair, server: server, expires: expires
                ).write(to: file(key.name))
                made.append(file(key.name))
                list.keys.append(
                    AllowList.Entry(name: key.name, role: key.role, public: pair.publicKey, expires: expires))
            }
            try list.write(to: listPath)
        } catch {
            for path in made { Files.removeFile(path) }
            throw error as? KeyError ?? KeyError(path, "\(error)")
        }
        return made + [listPath]
    }

    /// Takes a key off the list: a running coordinator refuses it within seconds.
    /// - Parameter name: of the key (`worker-3`, `viewer`), or a worker's without `worker-`.
    /// - Returns: the key's full name.
    /// - Throws: `KeyError`.
    @discardableResult
    public func revoke(_ name: String, now: Double? = nil) throws(KeyError) -> String {
        guard exists(listPath) else { throw KeyError(listPath, "is not there; --out names the folder of the keys") }
        return try locked { () throws(KeyError) in
            var list = try AllowList(contentsOf: listPath)
            guard
                let index = list.keys.firstIndex(where: { $0.name == name })
                    ?? list.keys.firstIndex(where: { $0.name == "worker-\(name)" })
            else {
                throw KeyError(
                    listPath, "has no key \"\(name)\"; it has \(list.keys.map(\.name).joined(separator: ", "))")
            }
            let entry = list.keys[index]
            guard entry.role != .coordinator else {
                throw KeyError(
                    listPath, "the coordinator's key cannot be revoked; make a new fleet's keys in another folder")
            }
            if let day = entry.revoked { throw KeyError(listPath, "\(entry.name) was revoked on \(day) already") }
            list.keys[index].revoked = Day.text(now ?? Day.now)
            try list.write(to: listPath)
            return entry.name
        }
    }

    private func file(_ name: String) -> String { "\(path)/\(name).key" }

    private func exists(_ path: String) -> Bool { Files.isTaken(path) }

    /// Two programs at once would lose each other's entries.
    private func locked<R>(_ body: () throws(KeyError) -> R) throws(KeyError) -> R {
        do throws(FileFault) { try Files.makeOneFolder(path, mode: 0o700) } catch {
            guard error.code == EEXIST else { throw KeyError(path, "cannot make this folder: \(error)") }
        }
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw KeyError(path, "is not a folder that can be used") }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_EX) == 0 else { throw KeyError(path, "cannot be locked") }
        return try body()
    }
}
