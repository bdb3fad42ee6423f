//! Scenarios: what one kind of user does, turn by turn. They are written in Rust, or follow
//! from a plan's requests.

use std::pin::Pin;
use std::time::Instant;

use crate::figure::Figure;
use crate::plain::Plain;
use crate::plan::Story;
use crate::samples::Route;
use crate::story::Teller;
use crate::user::User;

/// One kind of user. Each simulated user has a value of the type to itself, and takes one
/// turn after the other.
///
/// ```
/// use skein::{Route, Scenario, User};
///
/// struct Shopper {
///     cart: u64,
/// }
///
/// impl Scenario for Shopper {
///     const NAME: &str = "shoppers";
///     const ROUTES: &[Route] = &[Route::new("POST", "/carts/{id}")];
///
///     fn of(user: &mut User) -> Self {
///         Shopper { cart: user.draw(1..=1000) }
///     }
///
///     async fn turn(&mut self, user: &mut User) {
///         let request = user.post(&format!("/carts/{}", self.cart)).json(&["apples"]);
///         user.send(Self::ROUTES[0], request, |answer| answer.expect_status(201)).await;
///     }
/// }
/// ```
pub trait Scenario: Sized + Send + 'static {
    /// The name in plans and reports, such as `"shoppers"`. In a plan's `[mix]`, blanks are
    /// written as `_`.
    const NAME: &'static str;

    /// The routes that these users ask, which thresholds can be about.
    const ROUTES: &'static [Route];

    /// The figures that these users count and measure themselves, which thresholds can be about:
    /// see [`User::count`] and [`User::measure`].
    const FIGURES: &'static [Figure] = &[];

    /// The state of one user, before its first turn.
    fn of(user: &mut User) -> Self;

    /// Takes one turn: sends what a user of this kind sends, and has each answer checked.
    fn turn(&mut self, user: &mut User) -> impl Future<Output = ()> + Send;

    /// Follows up, until `deadline`, what was left unfinished when the load ended. Without
    /// one of its own, a scenario leaves nothing.
    fn follow_up(
        &mut self,
        _user: &mut User,
        _deadline: Instant,
    ) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// A scenario as a plan's mix and the running load know it.
#[derive(Clone, Copy)]
pub(crate) struct ScenarioKind {
    pub(crate) name: &'static str,
    pub(crate) routes: &'static [Route],
    pub(crate) figures: &'static [Figure],
    begin: Begin,
}

/// The way in which a user begins a scenario.
#[derive(Clone, Copy)]
enum Begin {
    /// By a function of the program's.
    InRust(fn(&mut User) -> Box<dyn Turns>),
    /// By the plan, which tells the scenario at this place.
    Told(usize),
    /// By the plan, which has plain requests of this route.
    Asked(Route),
}

/// A scenario's place among those of its program.
pub(crate) type ScenarioIndex = usize;

impl ScenarioKind {
    /// The kind of a scenario that is written in Rust.
    pub(crate) fn of<S: Scenario>() -> Self {
        ScenarioKind {
            name: S::NAME,
            routes: S::ROUTES,
            figures: S::FIGURES,
            begin: Begin::InRust(|user| Box::new(S::of(user))),
        }
    }

    /// The kind of a scenario that a plan tells, at this place among its own.
    pub(crate) fn of_story(place: usize, story: &Story) -> Self {
        ScenarioKind {
            name: story.name,
            routes: story.routes,
            figures: &[],
            begin: Begin::Told(place),
        }
    }

    /// The kind of users who send a plan's plain requests of one route.
    pub(crate) fn of_route(route: Route) -> Self {
        ScenarioKind {
            // Kept for the life of the program, as routes are.
            name: Box::leak(route.name().into_boxed_str()),
            routes: &[],
            figures: &[],
            begin: Begin::Asked(route),
        }
    }

    fn begin(&self, user: &mut User) -> Box<dyn Turns> {
        match self.begin {
            Begin::Asked(route) => Box::new(Plain::of_route(user, route)),
            Begin::InRust(begin) => begin(user),
            Begin::Told(place) => {
                let workload = user.workload();
                Box::new(workload.stories.teller(place, &workload.supply))
            }
        }
    }

    /// The name in plans: `window_shoppers`. A route of plain requests is named as it is.
    pub(crate) fn key(&self) -> String {
        match self.begin {
            Begin::Asked(_) => self.name.to_owned(),
            Begin::InRust(_) | Begin::Told(_) => self.name.replace(' ', "_"),
        }
    }
}

impl std::fmt::Debug for ScenarioKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ScenarioKind").field(&self.name).finish()
    }
}

/// A scenario of any type.
trait Turns: Send {
    fn turn<'a>(&'a mut self, user: &'a mut User) -> Work<'a>;

    fn follow_up<'a>(&'a mut self, user: &'a mut User, deadline: Instant) -> Work<'a>;
}

type Work<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

impl<S: Scenario> Turns for S {
    fn turn<'a>(&'a mut self, user: &'a mut User) -> Work<'a> {
        Box::pin(Scenario::turn(self, user))
    }

    fn follow_up<'a>(&'a mut self, user: &'a mut User, deadline: Instant) -> Work<'a> {
        Box::pin(Scenario::follow_up(self, user, deadline))
    }
}

impl Turns for Teller {
    fn turn<'a>(&'a mut self, user: &'a mut User) -> Work<'a> {
        Box::pin(async move {
            // Whatever failed has been recorded.
            let _ = Teller::turn(self, user).await;
        })
    }

    fn follow_up<'a>(&'a mut self, _user: &'a mut User, _deadline: Instant) -> Work<'a> {
        Box::pin(async {})
    }
}

/// A simulated user together with what it has begun of each scenario. Under a plan's load
/// it follows one; in a gate it takes turns of all.
pub(crate) struct Seat {
    /// The user.
    pub(crate) user: User,
    begun: Vec<Option<Box<dyn Turns>>>,
}

impl Seat {
    /// A user who has begun nothing.
    pub(crate) fn new(user: User) -> Self {
        let mut begun = Vec::new();
        begun.resize_with(user.workload().scenarios.len(), || None);
        Seat { user, begun }
    }

    /// Takes one turn of a scenario.
    pub(crate) async fn take_turn(&mut self, scenario: ScenarioIndex) {
        let user = &mut self.user;
        let kind = user.workload().scenarios[scenario];
        user.follow(scenario);
        let begun = self.begun[scenario].get_or_insert_with(|| kind.begin(user));
        begun.turn(user).await;
        user.count_turn();
    }

    /// Follows up, until `deadline`, what was left unfinished when the load ended.
    pub(crate) async fn follow_up(&mut self, deadline: Instant) {
        for (scenario, begun) in self.begun.iter_mut().enumerate() {
            if let Some(begun) = begun {
                self.user.follow(scenario);
                begun.follow_up(&mut self.user, deadline).await;
            }
        }
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
