import Foundation
import Testing

/// What no source file of the two programs may do, because one place does it rightly for all.
@Suite struct SourceRulesTests {
    struct Rule: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var pattern: String
        /// Files that may: the one place, or with a reason.
        var allowed: Set<String>
    }

    static let rules: [Rule] = [
        // Everything that is shown passes `VisibleText` there.
        Rule(
            testDescription: "standard output and error",
            pattern:
                #"\bprint\(|\bfputs\(|\bputs\(|\bdebugPrint\(|\bdump\(|FileHandle\.standard|STD(OUT|ERR)_FILENO|\bstd(out|err)\b|write\([12],|\bNSLog\("#,
            allowed: ["Console/Terminal.swift", "Worker/WorkerLog.swift", "Tensors/StandardStreams.swift"]),
        // Waits by the wall clock last as long as it was set back; Foundation's and Dispatch's are such on Linux.
        Rule(
            testDescription: "waits by the wall clock",
            pattern:
                #"DispatchWallTime|wallDeadline|\bNSCondition(Lock)?\b|\.wait\(until: *(Date|\.now)|\.wait\((wallT|t)imeout|Thread\.sleep|timeIntervalSinceNow|DispatchSemaphore\(value: 0\).*wait|pthread_cond_timedwait|sem_timedwait|gettimeofday|\bsleep\(until"#,
            allowed: ["Tensors/MonotonicClock.swift"]),
        Rule(
            testDescription: "clocks of its own",
            pattern: #"clock_gettime|ContinuousClock|SuspendingClock|systemUptime|DispatchTime\.now\(\)\.uptime"#,
            allowed: [
                "Tensors/MonotonicClock.swift", "Console/Terminal.swift", "Tensors/ContentMemory.swift",
            ]),
        // The wall clock: for people, other machines, and the days on which keys end.
        Rule(
            testDescription: "the wall clock", pattern: #"\bDate\(\)|\bDate\.now\b|\btime\(nil\)|CLOCK_REALTIME"#,
            allowed: [
                "Console/Terminal.swift", "FleetIO/RunLog.swift",
                "FleetIO/RunStatus.swift", "FleetIO/PostedJoinFile.swift",
                "FleetIO/RunMemory.swift", "FleetIO/FleetSnapshots.swift", "Worker/WorkerLog.swift",
                "Keys/Day.swift",
                // What files say of when they were changed; what chat templates write as today.
                "Tensors/ContentMemory.swift", "Datasets/ChatLayout.swift",
            ]),
        // The optimiser of Swift 6.3.1 crashes on some of these; a loop says the same.
        Rule(
            testDescription: "compactMap over an optional chain",
            pattern: #"compactMap *\(?\{[^}]*\?\.|\?\.compactMap"#, allowed: []),
        // `Files` knows which names are links, flushes folders, and gives its faults as values.
        Rule(
            testDescription: "files by system calls",
            pattern:
                #"\bFileManager|\b[fl]?stat\(|\b(access|mkdir|rmdir|opendir|readdir|mkdtemp|chmod|realpath|readlink|symlink)\(|(?:^|[^.\w])(rename|(un)?link)\([^&_]|Glibc\.(access|f?stat|lstat|rename|(un)?link)\("#,
            allowed: [
                "Tensors/Files.swift", "Tensors/FileStatus.swift", "Tensors/FileIdentity.swift",
                // A file that is open already, or has a name only when it is whole; folders of private modes.
                "Tensors/FileMapping.swift", "Tensors/AtomicFile.swift", "Tensors/ScopedTemporaryDirectory.swift",
                "Tensors/ContentMemory.swift",
            ]),
    ]

    /// Decisions have no I/O, no clock and no threads: what Swift and the rooms below bring is all they know.
    @Test func schedulingImportsNoSystemLibrary() throws {
        let allowed: Set = ["Tensors", "Checkpoint", "Protocol", "Selection", "Contracts"]
        let folder = "\(Self.root)/Scheduling"
        let files = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(files.count > 20)
        for file in files {
            for line in try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8).split(separator: "\n")
            where line.hasPrefix("import ") || line.hasPrefix("package import ") {
                let module = String(line.split(separator: " ").last!)
                #expect(allowed.contains(module), "Sources/Scheduling/\(file) imports \(module)")
            }
        }
    }

    /// The programs hold commands and start-up; what they do stands in the rooms below.
    @Test(arguments: [("Coordinator", 2000), ("Worker", 500)])
    func programsStaySmall(program: String, lines limit: Int) throws {
        let folder = "\(Self.root)/\(program)"
        let lines = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".swift") }.map {
            try String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8).split(
                separator: "\n", omittingEmptySubsequences: false
            ).count - 1
        }.reduce(0, +)
        #expect(lines <= limit, "Sources/\(program) has \(lines) lines")
    }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../Sources").standardized.path

    @Test(arguments: rules) func onePlaceAlone(rule: Rule) throws {
        let pattern = try Regex(rule.pattern)
        var files = 0
        for path in try FileManager.default.subpathsOfDirectory(atPath: Self.root)
        where path.hasSuffix(".swift") && !path.hasPrefix("Bench/") {
            files += 1
            guard !rule.allowed.contains(path) else { continue }
            let text = try String(contentsOfFile: "\(Self.root)/\(path)", encoding: .utf8)
            for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                let code = line.drop { $0 == " " }
                guard !code.hasPrefix("//"), let found = line.firstMatch(of: pattern) else { continue }
                Issue.record("Sources/\(path):\(number + 1): \(line[found.range])")
            }
        }
        #expect(files > 200)
    }

    /// A pattern that matches nothing would find nothing.
    @Test(arguments: [
        (0, "print(\"a\")"), (0, "FileHandle.standardError.write(data)"), (0, "fputs(text, stderr)"),
        (1, "condition.wait(until: Date(timeIntervalSinceNow: 1))"), (1, "ended.wait(timeout: .now() + 15)"),
        (1, "private let condition = NSCondition()"), (1, "Thread.sleep(forTimeInterval: 2)"),
        (2, "clock_gettime(CLOCK_MONOTONIC, &time)"), (3, "let deadline = Date() + 3"),
        (4, "let names = seats.compactMap { membership[$0.worker]?.name }"), (4, "a?.compactMap(Int.init)"),
        (5, "unlink(path)"), (5, "if access(path, F_OK) == 0 {"), (5, "try FileManager.default.removeItem(atPath: a)"),
        (5, "guard rename(part, folder) == 0 else {"), (5, "var status = stat()"), (5, "Glibc.unlink(file)"),
    ]) func thePatternsFindWhatTheyAreFor(rule: Int, line: String) throws {
        #expect(line.firstMatch(of: try Regex(Self.rules[rule].pattern)) != nil)
    }
}
