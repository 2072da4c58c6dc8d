import FleetIO
import FleetSupport
import Foundation
import Protocol
import Tensors
import Testing
import WorkerIO

/// Whole fleets over ipc, their engines faked.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct FleetTests {
    static let golden: [String: [Float]] = {
        let test = try! TestFleet(workers: 1)
        defer { _ = test.close() }
        try! test.fleet.use(model: Fake.model())
        return try! Fake.run(test.fleet, Fake.tasks(9))
    }()

    @Test(arguments: [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3), (5, 1)])
    func anyShapeGivesTheSameResults(workers: Int, pipelines: Int) throws {
        let test = try TestFleet(workers: workers, pipelines: pipelines)
        try test.fleet.use(model: Fake.model())
        #expect(try Fake.run(test.fleet, Fake.tasks(9)) == Self.golden)
        // A second run on the same workers.
        #expect(try Fake.run(test.fleet, Fake.tasks(9)) == Self.golden)
        let ends = test.close()
        #expect(ends.count == workers)
        for end in ends.values { #expect(end == .goodbye("the run is over")) }
        #expect(Self.golden.count == 9 * 6)
    }
}
