import Coordinator
import FleetIO
import Foundation
import Keys
import Protocol
import Scheduling
import TestSupport
import Testing
import ZeroMQ

/// Real workers at a coordinator's door: who has no business there is turned away with the reason, and the others work on.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct KeyedFleetTests {
    private static let model = TinyModel.fixture
    private static let layers = 3

    private static let plan = ModelPlan(
        path: model, layerBytes: [Int](repeating: 1, count: layers), layerCost: [Double](repeating: 1, count: layers))

    private static func tasks(_ count: Int) -> [FleetTask] {
        (0..<count).map { task in
            FleetTask(
                body: .likelihood(batches: [
                    Batch(sequences: [
                        TokenSequence(tokens: (0..<12).map { Int32(3 + (task * 5 + $0) % 60) }, scoredFrom: 4)
                    ]
                    )
                ]), cost: 1)
        }
    }

    private static func run(_ fleet: Fleet, _ count: Int) throws -> Int {
        var done = 0
        try fleet.run(tasks(count), label: "work") { _, _ in done += 1 }
        return done
    }

    /// Long: a table of strangers, who all come to one fleet while it works.
    @Test func everyWrongKeyIsRefusedInItsOwnWordsWhileGoodWorkersWork() throws {
        let test = try KeyedFleet(names: ["good", "better", "revoked", "expired"])
        let server = try KeyFile(contentsOf: test.key("coordinator"), role: .coordinator).pair.publicKey
        let viewer = try KeyFile(contentsOf: test.key("viewer"), role: .viewer).pair
        let other = try KeyedFleet(names: ["x"])
        let forged = try test.forge("worker-forged", role: .worker, pair: .generate(), server: server)
        let disguised = try test.forge("worker-disguised", role: .worker, pair: viewer, server: server)
        try KeyFolder(test.scratch.file("keys")).revoke("revoked")
        try test.edit("worker-expired") { $0.expires = "2020-02-29" }
        try test.start(awaited: 2)
        // Two workers make a pipeline of two stages: the link between them has keys too.
        let good = [try test.join(key: test.key("worker-good")), try test.join(key: test.key("worker-better"))]
        let fleet = try test.fleet()
        defer { fleet.shutdown() }
        try fleet.use(model: Self.plan)
        #expect(try Self.run(fleet, 5) == 5)
        /// A refusal by the list of allowed keys, for that reason.
        func listed(_ reason: String) -> (ConnectionRefusal) -> Bool {
            { if case .key(let words, _) = $0 { words.contains(reason) } else { false } }
        }
        let strangers: [(key: String?, here: String, isRefused: ((ConnectionRefusal) -> Bool)?)] = [
            (nil, "start this worker with --keys", { $0 == .usesNoKeys }),
            (forged, "refuses the key worker-forged (400)", listed("unknown key")),
            (
                other.key("worker-x"), "the server key in the file is not this coordinator's",
                { $0 == .otherServerKey }
            ),
            (
                test.key("worker-revoked"), "refuses the key worker-revoked (400)",
                listed("the key worker-revoked was revoked on")
            ),
            (
                test.key("worker-expired"), "refuses the key worker-expired (400)",
                listed("the key worker-expired expired on")
            ),
            (disguised, "refuses the key worker-disguised (400)", listed("the key viewer is a viewer's")),
            (test.key("viewer"), "this is a viewer's key", nil),
        ]
        for (key, here, isRefused) in strangers {
            let child = try test.join(key: key)
            #expect(child.waitForEnd(seconds: 40) == 2)
            #expect(child.output.contains(here), "\(child.output)")
            #expect(child.output.split(separator: "\n").filter { !$0.hasPrefix("joining") }.count == 1)
            // Both ends see that their mechanisms differ; if the worker's closes first, the coordinator sees a connection
            // that went away, as of any probe, and says nothing. So this one stranger may come again.
            if let isRefused {
                for _ in 0..<5 where key == nil && !test.refuses(within: 3, isRefused) {
                    #expect(try test.join(key: key).waitForEnd(seconds: 40) == 2)
                }
                #expect(test.refuses(isRefused), "\(here): \(test.log)")
            }
            #expect(try Self.run(fleet, 3) == 3)
        }
        // Revoked while it works: put out, and the other one goes on alone.
        try KeyFolder(test.scratch.file("keys")).revoke("better")
        #expect(good[1].waitForEnd(seconds: 20) == 2)
        #expect(good[1].output.contains("the key worker-better was revoked on"), "\(good[1].output)")
        #expect(test.losesForItsKey())
        #expect(try Self.run(fleet, 3) == 3)
        fleet.shutdown()
        #expect(good[0].waitForEnd() == 0)
    }

    @Test func withoutTheHandlerNobodyComesInAndTheProgramEnds() throws {
        let test = try KeyedFleet(names: ["good"])
        try test.start(awaited: 1, answers: false)
        let error = #expect(throws: FleetError.self) { try test.fleet() }
        #expect(error?.description.contains("libzmq asks nobody") == true, "\(String(describing: error))")
        #expect(CommandExit(try #require(error)).code == 1)
    }

    @Test func aModelOutsideTheWorkersRootsIsNotRead() throws {
        let test = try KeyedFleet(names: ["good"])
        try test.start(awaited: 1)
        let worker = try test.join(key: test.key("worker-good"), ["--model-root", test.scratch.path])
        let fleet = try test.fleet()
        defer { fleet.shutdown() }
        let error = #expect(throws: FleetError.self) { try fleet.use(model: Self.plan) }
        #expect(error?.description.contains("is not under a --model-root") == true, "\(String(describing: error))")
        fleet.shutdown()
        #expect(worker.waitForEnd() == 0)
    }
}
