import Foundation
package import Keys
package import Logging
import Reporting

/// Who the workers are and where they report.
package struct FleetSettings: Sendable {
    /// Workers started on this machine, over ipc; `nil` where they come by themselves.
    package var localWorkers: Int?
    /// `tcp://host:port` or `host:port` to listen at (also ipc:// for tests).
    package var listen: String?
    /// Where workers read how to reach this coordinator; removed at the end.
    package var joinFile: String?
    /// How many workers to wait for when listening.
    package var awaited = 1
    package var insecurePlainTCP = false
    /// For TCP: encrypts it, and lets in whom the keys' list names. ipc stays plain.
    package var keys: CoordinatorKeys?
    /// Tests: `false` leaves out the handler that answers handshakes, which must not go unnoticed.
    package var answersHandshakes = true
    package var pipelines: Int?
    package var threadsPerWorker: Int?
    /// GiB for each local worker; `nil`: its share of this machine's memory.
    package var memoryPerWorker: Double?
    package var workerExecutable = "faultline-worker"
    /// More words for local workers' command lines.
    package var workerArguments: [String] = []
    package var runDirectory: String
    /// Where people and programs read what happens.
    package var logger = Logger.silent
    /// What happened last, for status.
    package var recent: @Sendable () -> [RunEvent] = { [] }
    /// Where the status page is served; `nil`: nowhere.
    package var page: StatusPageSettings?
    /// Told the endpoint as soon as workers can connect to it.
    package var bound: @Sendable (String) -> Void = { _ in }

    /// Is given all that is logged, as values: for the run's journal, and for tests. Must not block.
    package var happened: @Sendable (any Occurrence) -> Void = { _ in }
    /// Epochs begin above this: workers of an earlier life of the run are behind it.
    package var firstEpoch: UInt64 = 0
    /// Names the run through all its restarts: what workers hold of another one is nothing to this.
    package var run = UUID().uuidString
    /// Seconds that a worker whose connection broke has to come back before its work goes elsewhere.
    package var returning = 0.5
    /// Seconds that a restarted run waits for the other stages of a pipeline of which some have come back.
    package var reunion = 15.0

    /// Seconds: silence after which a worker is lost; one engine call after which it is stalled; wait for registration;
    /// wait for a model to be loaded.
    package var lease = 30.0
    package var stall = 1800.0
    package var registration = 60.0
    package var loading = 1800.0
    /// Seconds: a pipeline that has work and does nothing for so long starts again (`nil`: one and a half leases); how
    /// long somebody is waited for where all workers are lost (never for local ones, which do not come back).
    package var idle: Double?
    package var comeback = 60.0
    /// Seconds a second attempt at a late task has to save at least.
    package var minimumGain = 1.0
    /// Seconds a stage has to have computed before it is compared with its neighbours.
    package var measuring = 20.0
    /// The signal by which the run was asked to end, and the words that say how it goes on.
    package var stopSignal: @Sendable () -> Int32? = { nil }
    package var resume = ""
    /// Batches in flight at a pipeline's source; `nil`: its stages + 1.
    package var window: Int?

    package init(runDirectory: String) { self.runDirectory = runDirectory }

    /// Tells the journal and the log.
    package func report(_ occurrence: some Occurrence) {
        happened(occurrence)
        logger.report(occurrence)
    }
}

/// What is shown while a fleet works.
package struct FleetProgress: Sendable, Equatable, Codable {
    package struct Worker: Sendable, Equatable, Codable {
        package var name: String
        package var host: String
        package var pid: Int32
        /// "layers 0-11 of pipeline 1", "spare", "loading".
        package var state: String
        package var steps: UInt64
        /// Tasks its pipeline works on, by name.
        package var running: [String]
        /// Seconds since its last word, and seconds its present step has taken (0: it waits for work).
        package var silent: Double
        package var busy: Double
        package var activity = Activity.spare
        /// Whom or what it waits for, and why; empty where it computes.
        package var waits = ""
        /// Pipeline and stage, from 1; 0: none.
        package var pipeline = 0
        package var stage = 0
        /// Batches its stage is done with since it joined, and those of the last half minute a second.
        package var batches = 0
        package var rate = 0.0
        package var threads = 0
        package var memoryBytes = 0
    }

    package enum Activity: String, Codable, Sendable, CaseIterable {
        case computing, waiting, loading, spare, silent
    }

    /// Stages that hold the model together.
    package struct Pipeline: Sendable, Equatable, Codable {
        package var number: Int
        package var isReady: Bool
        package var stages: [Stage]
    }

    package struct Stage: Sendable, Equatable, Codable {
        package var worker: String
        /// Decoder layers, both ends included.
        package var firstLayer: Int
        package var lastLayer: Int
        /// What it is at: tasks with the batches done of all it has (0: not known beforehand).
        package var tasks: [Share]
    }

    package struct Share: Sendable, Equatable, Codable {
        package var name: String
        package var done: Int
        package var batches: Int
    }

    package enum Phase: String, Codable, Sendable {
        /// Workers are awaited; they load the model; they work; the study is between two steps; the run is over.
        case joining, loading, working, between, over
    }

    package var label = ""
    package var tasksDone = 0
    package var tasks = 0
    /// Includes the retired batches of running tasks.
    package var costDone = 0.0
    package var cost = 0.0
    package var seconds = 0.0
    package var workers: [Worker] = []
    /// Tasks that run twice, workers that leave, hosts that were set aside: why, in words.
    package var remarks: [String] = []
    package var phase = Phase.joining
    package var tasksRunning = 0
    package var tasksWaiting = 0
    package var pipelines: [Pipeline] = []
    /// What the run as a whole waits for.
    package var waits: [String] = []
    package var counts = FleetCounts()
    /// Seconds since a batch was done or a result came; `nil`: none was yet.
    package var idle: Double?
    package var costPerSecond: Double { seconds > 0 ? costDone / seconds : 0 }
    package var secondsLeft: Double? { costPerSecond > 0 ? (cost - costDone) / costPerSecond : nil }
}
