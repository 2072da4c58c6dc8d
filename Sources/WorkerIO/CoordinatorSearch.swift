import Foundation
import Protocol
import Tensors

/// Finds the coordinator before the worker joins: reads the join file, tries every address, says what each said.
package struct CoordinatorSearch: Sendable {
    package enum Source: Sendable, Equatable {
        case endpoint(String)
        /// A file that may not be there yet, and may be replaced by a later coordinator's.
        case joinFile(String)
    }

    package struct Found: Sendable, Equatable {
        package var endpoint: String
        /// This machine's address on the way to it; `nil` where that was not asked (ipc).
        package var localHost: String?

        package init(endpoint: String, localHost: String? = nil) {
            self.endpoint = endpoint
            self.localHost = localHost
        }
    }

    package enum Failure: Error, Sendable, Equatable, CustomStringConvertible {
        /// No use in waiting: one line.
        case unusable(String)
        /// Nobody answered in time: one line.
        case deadline(String)
        case stopped(String)

        package var description: String {
            switch self {
            case .unusable(let line), .deadline(let line), .stopped(let line): line
            }
        }
    }

    package var source: Source
    /// Plain TCP beyond loopback is accepted.
    package var insecure = false
    /// Seconds after which it gives up.
    package var patience = 60.0
    package var probe: @Sendable (String) -> ProbeAnswer = { TCPProbe.ask($0) }
    /// The reason to stop the search, where there is one.
    package var stopped: @Sendable () -> String? = { nil }

    package init(_ source: Source) { self.source = source }

    /// - Parameter say: gets one line where there is something to wait for.
    /// - Returns: the endpoint that answered.
    /// - Throws: `Failure.unusable` where waiting is of no use; `.deadline` after `patience` seconds; `.stopped`.
    package func find(say: (String) -> Void = { _ in }) throws(Failure) -> Found {
        let began = MonotonicClock.now
        var pause = 0.25
        var isFirst = true
        while true {
            let reason: String
            switch try attempt() {
            case .success(let found): return found
            case .failure(let missing): reason = missing.reason
            }
            let left = patience - (MonotonicClock.now - began)
            guard left > 0 else { throw .deadline("no coordinator after \(Int(patience)) s: \(reason)") }
            if isFirst { say("waiting up to \(Int(patience)) s for the coordinator: \(reason)") }
            isFirst = false
            try rest(min(pause, left))
            pause = min(4, pause * 1.5)
        }
    }

    /// One look: the endpoint that answers now, if any.
    package func look() -> String? {
        guard case .success(let found) = (try? attempt()) ?? .failure(Missing(reason: "")) else { return nil }
        return found.endpoint
    }

    private struct Missing: Error { var reason: String }

    /// One round over what is known now.
    private func attempt() throws(Failure) -> Result<Found, Missing> {
        let endpoints: [String]
        var place = ""
        switch source {
        case .endpoint(let endpoint): endpoints = [endpoint]
        case .joinFile(let path):
            guard let file = try read(path) else {
                return .failure(Missing(reason: "\(path) is not there; faultline … --listen … --join-file writes it"))
            }
            place = " (\(path), written by \(file.host) pid \(file.pid) at \(file.time))"
            endpoints = file.endpoints
        }
        var said: [String] = []
        // The rules are asked address by address: loopback may be all that is needed.
        var refusal: Endpoint.Refusal?
        for endpoint in endpoints {
            if let reason = stopped() { throw .stopped(reason) }
            let checked: String
            do throws(Endpoint.Refusal) {
                checked = try Endpoint.checked(endpoint, insecure: insecure, connects: true)
            } catch {
                refusal = error
                continue
            }
            guard checked.hasPrefix("tcp://") else { return .success(Found(endpoint: checked, localHost: nil)) }
            switch probe(checked) {
            case .answers(let local, let address):
                guard let address else { return .success(Found(endpoint: checked, localHost: local)) }
                // A name that is this machine's by custom may mean another one.
                do throws(Endpoint.Refusal) {
                    let endpoint = try Endpoint.checked(address, insecure: insecure, connects: true)
                    return .success(Found(endpoint: endpoint, localHost: local))
                } catch { refusal = error }
            case .fails(let reason): said.append("\(checked.dropFirst(6)): \(reason)")
            }
        }
        if let refusal { throw .unusable(refusal.description) }
        return .failure(Missing(reason: "tried \(said.joined(separator: "; "))\(place)"))
    }

    /// - Returns: `nil` where the file is not there (or made, but still empty).
    private func read(_ path: String) throws(Failure) -> JoinFile? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw .unusable("\(path): cannot read this join file: \(String(cString: strerror(errno)).lowercased())")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while bytes.count <= JoinFile.maximumBytes {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw .unusable("\(path): cannot read this join file: \(String(cString: strerror(errno)).lowercased())")
            }
            if count == 0 { break }
            bytes += buffer.prefix(count)
        }
        guard !bytes.isEmpty else { return nil }
        do throws(JoinFile.Fault) { return try JoinFile(parsing: bytes, source: path) } catch {
            throw .unusable(error.description)
        }
    }

    private func rest(_ seconds: Double) throws(Failure) {
        let end = MonotonicClock.now + seconds
        while MonotonicClock.now < end {
            if let reason = stopped() { throw .stopped(reason) }
            usleep(50_000)
        }
    }
}
