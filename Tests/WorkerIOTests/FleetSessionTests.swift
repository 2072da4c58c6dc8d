import Testing
import WorkerIO

/// When a worker says hello, beats, looks for its coordinator and gives it up, in virtual seconds.
struct FleetSessionTests {
    private func session(at now: Double = 0) -> FleetSession {
        var session = FleetSession(now: now)
        session.begin(now: now)
        return session
    }

    @Test func helloIsSaidLessAndLessOftenUntilTheWorkerIsWelcome() {
        var session = session()
        var times: [Double] = []
        for tenth in 0..<1000 where session.saysHello(now: Double(tenth) / 10) { times.append(Double(tenth) / 10) }
        let pauses = zip(times.dropFirst(), times).map(-)
        #expect(times.first == 0 && pauses[0] <= 1.4 && pauses.allSatisfy { $0 <= 10.1 } && pauses.last! > 5.9)
        session.welcome()
        #expect(session.saysHello(now: 200) == false)
        session.rejoin()
        #expect([200, 200.7, 201.3].map { session.saysHello(now: $0) } == [true, false, true])
    }

    @Test func onlyAWorkerThatIsWelcomeBeats() {
        var session = session()
        #expect(session.beats(now: 1, every: 1) == false)
        session.welcome()
        #expect([1, 1.9, 2].map { session.beats(now: $0, every: 1) } == [true, false, true])
    }

    @Test func aConnectionThatCameBackSaysHelloAnew() {
        var session = session()
        session.welcome()
        session.connected()
        #expect(session.isWelcome)
        session.disconnected(now: 3)
        session.disconnected(now: 4)
        #expect(session.missingSince == 3)
        session.connected()
        #expect(session.missingSince == nil && !session.isWelcome && session.wasWelcome)
        #expect(session.saysHello(now: 5) == true)
    }

    @Test func aCoordinatorIsGivenUpLaterByWhoWasWithIt() {
        var session = session()
        #expect(session.givesUp(now: 60, silence: 30, patience: 60) == nil)
        #expect(session.givesUp(now: 60.5, silence: 30, patience: 60) == 60.5)
        session.welcome()
        #expect(session.givesUp(now: 89, silence: 30, patience: 60) == nil)
        #expect(session.givesUp(now: 91, silence: 30, patience: 60) == 91)
        session.heard(now: 91)
        #expect(session.givesUp(now: 92, silence: 30, patience: 60) == nil)
    }

    @Test func aProcessThatWasStoppedBlamesNobodyForIt() {
        var session = session()
        session.welcome()
        session.turn(now: 1)
        session.turn(now: 1000)
        #expect(session.givesUp(now: 1000, silence: 30, patience: 60) == nil)
    }

    @Test func oneSearchIsUnderWayAtATime() {
        var (session, search) = (session(), Rediscovery())
        #expect(search.begins(session, now: 1) == false)
        session.disconnected(now: 1)
        #expect([1.2, 1.4, 9].map { search.begins(session, now: $0) } == [false, true, false])
        search.ended(now: 9)
        #expect([9.2, 9.4].map { search.begins(session, now: $0) } == [false, true])
    }
}
