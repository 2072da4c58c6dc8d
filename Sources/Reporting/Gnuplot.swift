import Foundation

/// gnuplot, where it is installed. A report is written without it too.
public struct Gnuplot: Sendable {
    /// Why there is no picture.
    public struct Failure: Error, Equatable, CustomStringConvertible {
        public var description: String

        public init(description: String) { self.description = description }
    }

    /// What a user has to do to get plots.
    public static let advice = "gnuplot is not installed (Debian: apt-get install gnuplot-nox)"

    private let program: String

    /// The first gnuplot in PATH, or in `path`; `nil` where there is none.
    public init?(path: String? = nil) {
        let folders = path ?? ProcessInfo.processInfo.environment["PATH"] ?? ""
        let candidates = folders.split(separator: ":").map { "\($0)/gnuplot" }
        guard let program = candidates.first(where: { access($0, X_OK) == 0 }) else { return nil }
        self.program = program
    }

    /// Its name and version, as it says itself; `nil` where it does not answer.
    public var version: String? {
        (try? run(["--version"])).map { String($0.prefix { !$0.isNewline }) }
    }

    /// An SVG document of its own.
    /// - Throws: `Failure` where gnuplot refuses the script.
    public func svg(_ figure: Figure) throws -> String {
        let file = "\(NSTemporaryDirectory())/faultline-\(UUID().uuidString).gp"
        guard FileManager.default.createFile(atPath: file, contents: Data(GnuplotScript.script(figure).utf8)) else {
            throw Failure(description: "\(file): cannot be written")
        }
        defer { try? FileManager.default.removeItem(atPath: file) }
        let text = try run(["-d", file])
        guard text.contains("</svg>") else { throw Failure(description: "gnuplot drew no picture of \(figure.title)") }
        return text
    }

    /// What it prints. Standard error goes to a file: a full pipe would stop it.
    private func run(_ arguments: [String]) throws -> String {
        let log = "\(NSTemporaryDirectory())/faultline-\(UUID().uuidString).log"
        guard FileManager.default.createFile(atPath: log, contents: nil), let errors = FileHandle(forWritingAtPath: log)
        else { throw Failure(description: "\(log): cannot be written") }
        defer { try? FileManager.default.removeItem(atPath: log) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        // Numbers with a point, whatever the user's language.
        process.environment = ProcessInfo.processInfo.environment.merging(["LC_ALL": "C.UTF-8"]) { $1 }
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        do { try process.run() } catch { throw Failure(description: "\(program) cannot be started") }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let words = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            let line = words.split(whereSeparator: \.isNewline).last.map { Format.line(String($0)) } ?? ""
            throw Failure(description: "gnuplot failed: \(line)")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
