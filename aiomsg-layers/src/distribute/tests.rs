mod bounds;
mod policies;
mod returned;
