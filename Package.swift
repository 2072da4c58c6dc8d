// swift-tools-version: 6.2
import PackageDescription

// The ground floor comes first: a target may depend only on targets above it in this list.
// `--explicit-target-dependency-import-check error` (see Makefile) makes the compiler hold us to it.

let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

/// Numeric targets are optimised in debug builds too: unoptimised, they are 200 to 600 times slower.
let numeric: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]

let package = Package(
    name: "faultline",
    products: [
        .executable(name: "faultline", targets: ["Coordinator"]),
        .executable(name: "faultline-worker", targets: ["Worker"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        // System libraries.
        .systemLibrary(name: "CZMQ", providers: [.apt(["libzmq3-dev"])]),
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]),
        // The few SIMD loops BLAS has no name for.
        .target(
            name: "CKernels",
            cSettings: [.unsafeFlags(["-O3"])],
            linkerSettings: [.linkedLibrary("m")]),
        // oneDNN's matrix products. The library is looked for when a process starts to compute, so nothing is linked.
        .target(name: "COneDNN", cSettings: [.unsafeFlags(["-O3"])], linkerSettings: [.linkedLibrary("dl")]),
        // Buffers, element types, safetensors, digests.
        .target(name: "Tensors", dependencies: ["CKernels", crypto], swiftSettings: numeric),
        // The templates that chat prompts are laid out by, and the language they are written in.
        .target(name: "Jinja", swiftSettings: numeric),
        // Model configuration, Hugging Face folders, GGUF, tokenizers, chat templates.
        .target(name: "Checkpoint", dependencies: ["CKernels", "Tensors", "Jinja"], swiftSettings: numeric),
        // What the two programs say to each other: pure values.
        .target(name: "Protocol", dependencies: ["Tensors"]),
        // Statistics, scores, masks and top-k; no BLAS, so that the coordinator can use it.
        .target(
            name: "Selection", dependencies: ["CKernels", "Tensors", "Checkpoint", "Protocol"], swiftSettings: numeric),
        .target(
            name: "Linalg", dependencies: ["COpenBLAS", "COneDNN", "CKernels", "Tensors"], swiftSettings: numeric),
        .target(
            name: "Transformer", dependencies: ["CKernels", "Tensors", "Checkpoint", "Linalg"], swiftSettings: numeric),
        .target(
            name: "Attribution",
            dependencies: ["CKernels", "Tensors", "Checkpoint", "Selection", "Linalg", "Transformer"],
            swiftSettings: numeric),
        .target(
            name: "FineTuning",
            dependencies: ["CKernels", "Tensors", "Checkpoint", "Linalg", "Transformer"],
            swiftSettings: numeric),
        // Judges, attack settings, zero-shot tasks, perplexity: text and numbers, no model.
        .target(
            name: "Evaluation", dependencies: ["Tensors", "Protocol", "Selection"],
            resources: [
                .embedInCode("Judges/paper-1.txt"), .embedInCode("Judges/faultline-1.txt"),
                .embedInCode("Judges/landscape29-1.txt"), .embedInCode("Judges/rd12-1.txt"),
                .embedInCode("Judges/heretic-1.txt"), .embedInCode("Judges/scans-1.txt"),
            ],
            swiftSettings: numeric),
        .target(name: "ZeroMQ", dependencies: ["CZMQ", "Tensors"]),
        // Large transfers: who may send how much, and what is next.
        .target(name: "Bulk", dependencies: ["Tensors", "Protocol", "ZeroMQ"]),
        // A fleet's keys: files, the list of who may come in.
        .target(name: "Keys", dependencies: ["Tensors", "ZeroMQ"]),
        .target(name: "Reporting", dependencies: ["Tensors", logging], resources: [.embedInCode("report.css")]),
        // Pages for whoever looks on: a bounded server, and a client that asks it.
        .target(name: "HTTP", dependencies: ["Tensors"]),
        .target(name: "Journal", dependencies: ["Tensors", grdb]),
        // The coordinator's side.
        // Files that users give: prompts, pairs, questions, plain text, chat layouts; what of them is left out.
        .target(
            name: "Datasets",
            dependencies: [
                "Tensors", "Jinja", "Checkpoint", "Protocol", "Selection", "Evaluation", "Reporting", logging,
            ]),
        // Files that commands and runs write: checked before the work, recorded after it.
        .target(name: "OutputFiles", dependencies: ["Tensors", "Datasets"]),
        // What a study asks of whoever runs its model.
        .target(
            name: "ModelService",
            dependencies: ["Tensors", "Checkpoint", "Protocol", "Selection", "Evaluation"]),
        // What every kind of task's result has to look like.
        .target(name: "Contracts", dependencies: ["Tensors", "Checkpoint", "Protocol", "Selection"]),
        // The study file: its keys, and the study they make.
        .target(
            name: "StudyFile",
            dependencies: [
                "Tensors", "Jinja", "Checkpoint", "Protocol", "Selection", "Evaluation", "Datasets", yams,
            ]),
        // Results by what they were computed from, so that nothing is computed twice.
        .target(
            name: "Caching",
            dependencies: [
                "Tensors", "Protocol", "Evaluation", "Datasets", "OutputFiles", "ModelService",
            ]),
        // A study's steps, carried out; its results as values; its files.
        .target(
            name: "Experiment",
            dependencies: [
                "CKernels", "Tensors", "Checkpoint", "Protocol", "Selection", "Evaluation", "Reporting",
                "Datasets", "OutputFiles", "ModelService", "StudyFile", "Caching",
            ]),
        // A finished study's tables, claims, figures and page.
        .target(
            name: "StudyReport",
            dependencies: [
                "Tensors", "Checkpoint", "Protocol", "Selection", "Evaluation", "Reporting", "Datasets",
                "ModelService", "StudyFile", "Experiment",
            ]),
        // Which worker does what, when: a state machine without I/O or clock. No Foundation, no sockets, no journal.
        .target(name: "Scheduling", dependencies: ["Tensors", "Checkpoint", "Protocol", "Selection", "Contracts"]),
        // The fleet's sockets, threads, files and journal.
        .target(
            name: "FleetIO",
            dependencies: [
                "Tensors", "Protocol", "Selection", "ZeroMQ", "Bulk", "Keys", "Reporting", "Journal", "Contracts",
                "Scheduling", logging,
            ]),
        // A study's requests as tasks of a fleet.
        .target(
            name: "FleetBackend",
            dependencies: [
                "Tensors", "Checkpoint", "Protocol", "Selection", "Evaluation", "Reporting", "ModelService",
                "Contracts", "Scheduling", "FleetIO",
            ]),
        // The status page of a run, its JSON and its metrics.
        .target(
            name: "StatusPage",
            dependencies: ["Tensors", "Protocol", "Keys", "HTTP", "Reporting", "Scheduling", "FleetIO"],
            resources: [.embedInCode("status.html")]),
        // What a study will take: time, memory, disk.
        .target(
            name: "Planning",
            dependencies: [
                "Tensors", "Checkpoint", "Protocol", "Selection", "Evaluation", "Reporting", "Datasets",
                "ModelService", "StudyFile", "Caching", "Experiment", "Scheduling",
            ]),
        // The standard streams of `faultline`, and the options that commands share.
        .target(
            name: "Console",
            dependencies: [
                "Tensors", "Jinja", "Checkpoint", "Protocol", "Selection", "Evaluation", "Reporting", "Datasets",
                "OutputFiles", "StudyFile", "FleetIO", arguments, logging,
            ]),
        // A fleet as the options say, for one command.
        .target(
            name: "Launch",
            dependencies: [
                "Tensors", "Checkpoint", "Protocol", "Keys", "Reporting", "ModelService", "Scheduling", "FleetIO",
                "FleetBackend", "StatusPage", "Console", logging,
            ]),
        // The worker's side.
        // One stage of the model, as the worker's runtime knows it.
        .target(name: "Stages", dependencies: ["Tensors", "Protocol"]),
        // The stage that computes. Of the two programs' rooms the only one above BLAS.
        .target(
            name: "DecoderEngine",
            dependencies: [
                "CKernels", "Tensors", "Checkpoint", "Protocol", "Selection", "Linalg", "Transformer", "Attribution",
                "FineTuning", "Stages",
            ],
            swiftSettings: numeric),
        // A worker's sockets, threads and files.
        .target(
            name: "WorkerIO",
            dependencies: [
                "Tensors", "Protocol", "Selection", "ZeroMQ", "Bulk", "Keys", "Reporting",
                "Stages", logging,
            ]),
        // Commands that do one step of a study each, or show what a program makes of a file.
        .target(
            name: "StepCommands",
            dependencies: [
                "Tensors", "Jinja", "Checkpoint", "Protocol", "Selection", "Evaluation", "Reporting", "Datasets",
                "OutputFiles", "ModelService", "StudyFile", "Experiment", "StudyReport", "Scheduling", "Console",
                "Launch", arguments, logging,
            ]),
        // The two programs: commands and start-up.
        .executableTarget(
            name: "Worker",
            dependencies: [
                "Tensors", "Checkpoint", "Protocol", "ZeroMQ", "Keys", "Reporting",
                "Stages", "DecoderEngine", "WorkerIO", arguments, logging,
            ]),
        .executableTarget(
            name: "Coordinator",
            dependencies: [
                "Tensors", "Jinja", "Checkpoint", "Protocol", "Selection", "Evaluation", "ZeroMQ", "Keys",
                "Reporting", "Journal", "Datasets", "OutputFiles", "ModelService", "StudyFile",
                "Caching", "Experiment", "StudyReport", "Scheduling", "FleetIO", "FleetBackend", "StatusPage",
                "Planning", "Console", "Launch", "StepCommands", arguments, logging,
            ]),
        // Speeds side by side (`make bench`).
        .executableTarget(
            name: "Bench",
            dependencies: [
                "Tensors", "Checkpoint", "Linalg", "Transformer", "Attribution", "FineTuning",
                "Protocol", "ZeroMQ", "Bulk", "DecoderEngine", arguments,
            ]),
        // Tests, one target a room; what several of them use comes first.
        .target(
            name: "TestSupport",
            dependencies: ["Tensors", "Checkpoint"],
            path: "Tests/TestSupport"),
        .target(
            name: "ModelFixtures",
            dependencies: ["Tensors", "Checkpoint", "Protocol", "Linalg", "Transformer"],
            path: "Tests/ModelFixtures",
            exclude: ["Fixtures"]),
        .target(
            name: "StudySupport",
            dependencies: [
                "Tensors", "Checkpoint", "Protocol", "Selection", "Evaluation", "Datasets", "ModelService", "StudyFile",
                "Caching", "Experiment", "StudyReport", "Planning", "TestSupport",
            ],
            path: "Tests/StudySupport"),
        .target(
            name: "FleetSupport",
            dependencies: [
                "Tensors", "Checkpoint", "Protocol", "Selection", "ZeroMQ", "Scheduling", "FleetIO", "StatusPage",
                "Stages", "WorkerIO", "TestSupport",
            ],
            path: "Tests/FleetSupport"),
        .testTarget(
            name: "TensorsTests",
            dependencies: ["Tensors", "TestSupport"]),
        .testTarget(
            name: "JinjaTests",
            dependencies: ["Jinja"],
            exclude: ["Fixtures"]),
        .testTarget(
            name: "CheckpointTests",
            dependencies: ["Tensors", "Jinja", "Checkpoint", "TestSupport"],
            exclude: ["Fixtures"]),
        .testTarget(
            name: "ProtocolTests",
            dependencies: ["Tensors", "Protocol", "ZeroMQ", "Scheduling"]),
        .testTarget(
            name: "SelectionTests",
            dependencies: ["Tensors", "Checkpoint", "Protocol", "Selection", "TestSupport"],
            exclude: ["Fixtures"]),
        .testTarget(
            name: "LinalgTests",
            dependencies: ["CKernels", "Tensors", "Linalg"]),
        .testTarget(
            name: "TransformerTests",
            dependencies: [
                "Tensors", "Checkpoint", "Protocol", "Linalg", "Transformer", "TestSupport", "ModelFixtures",
            ]),
        .testTarget(
            name: "EvaluationTests",
            dependencies: ["Tensors", "Protocol", "Evaluation"],
            exclude: ["Fixtures"]),
        .testTarget(
            name: "ZeroMQTests",
            dependencies: ["ZeroMQ", "TestSupport"]),
        .testTarget(
            name: "BulkTests",
            dependencies: ["Tensors", "Protocol", "ZeroMQ", "Bulk"]),
        .testTarget(
            name: "KeysTests",
            dependencies: ["ZeroMQ", "Keys", "Scheduling", "TestSupport"]),
        .testTarget(
            name: "ReportingTests",
            dependencies: ["Reporting", "StudyFile", "TestSupport", logging]),
        .testTarget(
            name: "HTTPTests",
            dependencies: ["HTTP", "TestSupport"]),
        .testTarget(
            name: "JournalTests",
            dependencies: ["Tensors", "Journal", "TestSupport"]),
        .testTarget(
            name: "DatasetsTests",
            dependencies: [
                "Tensors", "Checkpoint", "Protocol", "Evaluation", "Datasets", "StudyFile", "TestSupport",
                "StudySupport",
            ],
            exclude: ["Fixtures"]),
        .testTarget(
            name: "OutputFilesTests",
            dependencies: ["Tensors", "OutputFiles", "StudyFile", "Experiment", "TestSupport"]),
        .testTarget(
            name: "ContractsTests",
            dependencies: ["Tensors", "Checkpoint", "Protocol", "Selection", "Contracts", "TestSupport"]),
        .testTarget(
            name: "StudyFileTests",
            dependencies: [
                "Tensors", "Jinja", "Checkpoint", "Protocol", "Selection", "Evaluation", "Datasets", "ModelService",
                "StudyFile", "TestSupport", "StudySupport",
            ]),
        .testTarget(
            name: "CachingTests",
            dependencies: ["Tensors", "Checkpoint", "ModelService", "Caching", "TestSupport"]),
        .testTarget(
            name: "ExperimentTests",
            dependencies: [
                "Tensors", "Checkpoint", "Protocol", "Selection", "Evaluation", "Reporting", "Datasets", "OutputFiles",
                "ModelService", "StudyFile", "Caching", "Experiment", "StudyReport", "Planning", "TestSupport",
                "StudySupport",
            ]),
        .testTarget(
            name: "StudyReportTests",
            dependencies: [
                "Checkpoint", "Selection", "Evaluation", "Reporting", "Datasets", "StudyFile", "Experiment",
                "StudyReport", "StudySupport",
            ]),
        .testTarget(
            name: "SchedulingTests",
            dependencies: ["Tensors", "Protocol", "Selection", "Scheduling", "FleetIO", "TestSupport", "FleetSupport"]),
        .testTarget(
            name: "FleetIOTests",
            dependencies: ["Protocol", "Reporting", "Scheduling", "FleetIO", "TestSupport", logging]),
        .testTarget(
            name: "StatusPageTests",
            dependencies: [
                "Tensors", "Protocol", "Keys", "Reporting", "HTTP", "Scheduling", "FleetIO", "StatusPage", "WorkerIO",
                "TestSupport", "FleetSupport", logging,
            ]),
        .testTarget(
            name: "PlanningTests",
            dependencies: [
                "Tensors", "Checkpoint", "Protocol", "Selection", "Evaluation", "Reporting", "Datasets", "ModelService",
                "StudyFile", "Caching", "Experiment", "StudyReport", "Scheduling", "Planning",
                "TestSupport", "StudySupport",
            ]),
        .testTarget(
            name: "DecoderEngineTests",
            dependencies: [
                "Tensors", "Checkpoint", "Protocol", "Selection", "Linalg", "Transformer", "Attribution", "Stages",
                "Evaluation", "DecoderEngine", "TestSupport", "ModelFixtures",
            ]),
        .testTarget(
            name: "WorkerIOTests",
            dependencies: ["Tensors", "Protocol", "ZeroMQ", "WorkerIO", "TestSupport"]),
        .testTarget(
            name: "WorkerTests",
            dependencies: ["Checkpoint", "Worker", "TestSupport"]),
        .testTarget(
            name: "CoordinatorTests",
            dependencies: [
                "Tensors", "Checkpoint", "Selection", "Datasets", "Experiment", "Scheduling", "FleetIO", "StepCommands",
                "Coordinator", "TestSupport", "StudySupport", arguments,
            ]),
        .testTarget(
            name: "FleetTests",
            dependencies: [
                "Tensors", "Checkpoint", "Protocol", "Selection", "Evaluation", "ZeroMQ", "Reporting", "HTTP",
                "Journal", "Datasets", "ModelService", "Contracts", "Experiment", "Scheduling", "FleetIO",
                "FleetBackend", "StatusPage", "Planning", "Stages", "DecoderEngine", "WorkerIO", "Worker",
                "TestSupport", "FleetSupport",
            ]),
        .testTarget(
            name: "SecurityTests",
            dependencies: ["Protocol", "ZeroMQ", "Keys", "HTTP", "Scheduling", "FleetIO", "Coordinator", "TestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)

/// CI only: a newer compiler's new warnings shall not stop a user's build.
let isStrict = Context.environment["FAULTLINE_STRICT"] == "1"

for target in package.targets where [.regular, .executable, .test].contains(target.type) && target.name != "CKernels" {
    if isStrict { target.swiftSettings = (target.swiftSettings ?? []) + [.treatAllWarnings(as: .error)] }
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("MemberImportVisibility"),
            .enableUpcomingFeature("InternalImportsByDefault"),
        ]
}
