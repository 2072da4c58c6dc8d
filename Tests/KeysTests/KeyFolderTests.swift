import Foundation
import Keys
import Scheduling
import TestSupport
import Testing
import ZeroMQ

/// Key files and the list of who may come in.
struct KeyFolderTests {
    private let scratch: TemporaryFolder
    private let folder: KeyFolder

    init() throws {
        scratch = TemporaryFolder()
        folder = KeyFolder(scratch.file("keys"))
    }

    private func file(_ name: String) -> String { scratch.file("keys/\(name)") }

    private func mode(_ name: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: file(name))[.posixPermissions] as? Int)
    }

    @Test func aFleetsKeysAreSplitByRoleAndForTheirOwnerAlone() throws {
        let made = try folder.make(workers: 2, names: ["gpu-a"], days: 30)
        let names = ["coordinator", "viewer", "worker-gpu-a", "worker-1", "worker-2"].map { "\($0).key" }
        #expect(made == (names + ["allowed.json"]).map(file))
        for name in names { #expect(try mode(name) == 0o600) }
        let coordinator = try CoordinatorKeys(contentsOf: file("coordinator.key"))
        #expect(
            coordinator.allowed.keys.map(\.name)
                == made.dropLast().map { URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent })
        let worker = try KeyFile(contentsOf: file("worker-1.key"), role: .worker)
        #expect(worker.server == coordinator.pair.publicKey && worker.fleet == coordinator.allowed.fleet)
        #expect(worker.expires != nil)
        let entry = try coordinator.allowed.admit(worker.pair.publicKey, as: .worker, now: Day.now)
        #expect(entry.name == "worker-1" && entry.expires == worker.expires)
        // The list holds no secrets.
        let list = try String(contentsOfFile: file("allowed.json"), encoding: .utf8)
        #expect(!list.contains(worker.pair.secretKey) && !list.contains("secret"))
    }

    @Test func keysAreNeverOverwritten() throws {
        let first = try folder.make(workers: 1, names: ["a"], days: nil)
        let bytes = try first.map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
        #expect(throws: KeyError.self) { try folder.make(workers: nil, names: [], days: nil) }
        #expect(throws: KeyError.self) { try folder.make(workers: nil, names: ["b", "a"], days: nil) }
        #expect(throws: KeyError.self) { try folder.make(workers: nil, names: ["b", "b"], days: nil) }
        #expect(try first.map { try Data(contentsOf: URL(fileURLWithPath: $0)) } == bytes)
        #expect(!FileManager.default.fileExists(atPath: file("worker-b.key")))
        // More workers join the same fleet, numbered on.
        #expect(try folder.make(workers: 1, names: [], days: nil) == [file("worker-2.key"), file("allowed.json")])
        let server = try KeyFile(contentsOf: file("worker-2.key"), role: .worker).server
        #expect(try KeyFile(contentsOf: file("coordinator.key"), role: .coordinator).pair.publicKey == server)
    }

    @Test(arguments: ["", "a/b", "../x", "é", "a b", String(repeating: "x", count: 70)])
    func aNameThatIsNoFileNameIsRefused(name: String) {
        #expect(throws: KeyError.self) { try folder.make(workers: nil, names: [name], days: nil) }
        #expect(!FileManager.default.fileExists(atPath: file("coordinator.key")))
    }

    @Test(arguments: [0o640, 0o604, 0o620, 0o666])
    func aSecretThatOthersCanReadIsRefusedWithTheRemedy(mode: Int) throws {
        _ = try folder.make(workers: 1, names: [], days: nil)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file("worker-1.key"))
        let error = #expect(throws: KeyError.self) { try KeyFile(contentsOf: file("worker-1.key"), role: .worker) }
        #expect(error?.description.contains("chmod 600 \(file("worker-1.key"))") == true)
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: file("allowed.json"))
        let list = #expect(throws: KeyError.self) { try CoordinatorKeys(contentsOf: file("coordinator.key")) }
        #expect(list?.description.contains("chmod go-w") == true)
    }

    @Test func aRevokedKeyStaysOnTheListWithItsDay() throws {
        _ = try folder.make(workers: 2, names: [], days: nil)
        #expect(try folder.revoke("1") == "worker-1")
        let list = try AllowList(contentsOf: file("allowed.json"))
        let key = try KeyFile(contentsOf: file("worker-1.key"), role: .worker).pair.publicKey
        #expect(throws: AllowList.Refusal.revoked(name: "worker-1", day: Day.text(Day.now))) {
            try list.admit(key, as: .worker, now: Day.now)
        }
        for name in ["worker-1", "nobody", "coordinator"] {
            #expect(throws: KeyError.self) { try folder.revoke(name) }
        }
        // Its number is not used again.
        #expect(try folder.make(workers: 1, names: [], days: nil).first == file("worker-3.key"))
        #expect(throws: KeyError.self) { try KeyFolder(scratch.file("elsewhere")).revoke("x") }
    }

    @Test func aKeyHoldsToTheEndOfItsLastDay() throws {
        _ = try folder.make(workers: 1, names: [], days: 1, now: 1_000_000 * 86_400 + 5)
        let path = file("worker-1.key")
        _ = try KeyFile(contentsOf: path, role: .worker, now: 1_000_002 * 86_400 - 1)
        let error = #expect(throws: KeyError.self) {
            try KeyFile(contentsOf: path, role: .worker, now: 1_000_002 * 86_400)
        }
        #expect(error?.description.contains("expired on") == true)
        let list = try AllowList(contentsOf: file("allowed.json"))
        let key = list.keys[2].public
        _ = try list.admit(key, as: .worker, now: 1_000_002 * 86_400 - 1)
        #expect(throws: AllowList.Refusal.expired(name: "worker-1", day: list.keys[2].expires ?? "")) {
            try list.admit(key, as: .worker, now: 1_000_002 * 86_400)
        }
    }

    @Test func everyRoleHasItsOwnUse() throws {
        _ = try folder.make(workers: 1, names: [], days: nil)
        let list = try AllowList(contentsOf: file("allowed.json"))
        for entry in list.keys where entry.role != .worker {
            #expect(throws: AllowList.Refusal.wrongRole(name: entry.name, entry.role, wanted: .worker)) {
                try list.admit(entry.public, as: .worker, now: Day.now)
            }
            #expect(throws: KeyError.self) { try KeyFile(contentsOf: file("\(entry.name).key"), role: .worker) }
        }
        let stranger = try CurveKeyPair.generate().publicKey
        #expect(throws: AllowList.Refusal.unknown(publicKey: stranger)) {
            try list.admit(stranger, as: .worker, now: Day.now)
        }
    }

    @Test func damagedFilesAreNamed() throws {
        _ = try folder.make(workers: 1, names: [], days: nil)
        let path = file("worker-1.key")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let key = try KeyFile(contentsOf: path, role: .worker)
        for bad in [
            "", "{", "[]", "{\"role\": 3}", String(text.dropLast(20)),
            text.replacingOccurrences(of: key.pair.secretKey, with: String(repeating: "0", count: 40)),
            text.replacingOccurrences(of: key.pair.publicKey, with: key.server),
            text.replacingOccurrences(of: key.server, with: "short"),
            text.replacingOccurrences(of: "\"worker-1\"", with: "\"../x\""),
            text.replacingOccurrences(of: "null", with: "\"soon\""),
        ] {
            try Data(bad.utf8).write(to: URL(fileURLWithPath: path))
            chmod(path, 0o600)
            let error = #expect(throws: KeyError.self) { try KeyFile(contentsOf: path, role: .worker) }
            #expect(error?.description.hasPrefix(path) == true && error?.description.contains("\n") == false)
        }
        for bad in ["", "{}", "{\"fleet\": \"x\", \"keys\": [{}]}", "{\"fleet\": \"x\", \"keys\": []}"] {
            try Data(bad.utf8).write(to: URL(fileURLWithPath: file("allowed.json")))
            #expect(throws: KeyError.self) { try CoordinatorKeys(contentsOf: file("coordinator.key")) }
        }
        #expect(throws: KeyError.self) { try KeyFile(contentsOf: file("none.key"), role: .worker) }
        #expect(throws: KeyError.self) { try KeyFile(contentsOf: scratch.path, role: .worker) }
    }

    @Test func aChangedListIsNoticedOnce() throws {
        _ = try folder.make(workers: 1, names: [], days: nil)
        let watch = AllowListWatch(file("allowed.json"))
        #expect(try watch.changed()?.get().keys.count == 3)
        #expect(watch.changed() == nil)
        try folder.revoke("1")
        #expect(try watch.changed()?.get().keys.last?.revoked != nil)
        try Data("{".utf8).write(to: URL(fileURLWithPath: file("allowed.json")))
        #expect(throws: KeyError.self) { try watch.changed()?.get() }
        #expect(watch.changed() == nil)
    }
}
